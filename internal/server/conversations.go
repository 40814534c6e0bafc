package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// ConversationPath names a conversation.
type ConversationPath struct {
	ID string `path:"id" doc:"The conversation."`
}

func (s *Server) conversationsAPI(a huma.API) {
	huma.Register(a, operation(http.MethodGet, "/v1/conversations", "list-conversations", "Conversations, newest first"), s.listConversations)
	huma.Register(a, operation(http.MethodGet, "/v1/conversations/{id}", "get-conversation", "One conversation"), s.getConversation)
	huma.Register(a, operation(http.MethodPost, "/v1/conversations/{id}/close", "close-conversation", "Closes a conversation",
		describedAs("Closing one that is closed changes nothing.")), s.closeConversation)
	huma.Register(a, operation(http.MethodPost, "/v1/conversations/{id}/reopen", "reopen-conversation", "Opens a conversation again",
		describedAs("Opening one that is open changes nothing.")), s.reopenConversation)
	huma.Register(a, operation(http.MethodPost, "/v1/conversations/{id}/typing", "typing", "Shows the customer that somebody is writing",
		describedAs("For some seconds. Where the channel cannot, nothing happens.")), s.postTyping)
}

type listConversationsIn struct {
	LimitParam
	State   string `query:"state" enum:"open,closed" doc:"Only those in this state."`
	Channel string `query:"channel" maxLength:"100" doc:"Only those on the channel of this name."`
	After   string `query:"after" doc:"The value of next from the page before."`
}

func (s *Server) listConversations(ctx context.Context, in *listConversationsIn) (*body[list[*normalize.Conversation]], error) {
	after, err := cursorID("after", in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Timeline.Conversations(ctx, timeline.ConversationFilter{
		State: normalize.ConversationState(in.State), Channel: in.Channel, After: after, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	return answer(page(found, in.Limit, func(c *normalize.Conversation) string { return c.ID.String() }), nil)
}

func (s *Server) getConversation(ctx context.Context, in *ConversationPath) (*body[*normalize.Conversation], error) {
	id, err := pathID("conversation", in.ID)
	if err != nil {
		return nil, err
	}
	c, err := s.deps.Timeline.Conversation(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	return answer(c, nil)
}

func (s *Server) closeConversation(ctx context.Context, in *ConversationPath) (*body[*normalize.Conversation], error) {
	return s.setConversation(ctx, in.ID, normalize.Closed)
}

func (s *Server) reopenConversation(ctx context.Context, in *ConversationPath) (*body[*normalize.Conversation], error) {
	return s.setConversation(ctx, in.ID, normalize.Open)
}

func (s *Server) setConversation(ctx context.Context, id string, to normalize.ConversationState) (*body[*normalize.Conversation], error) {
	cid, err := pathID("conversation", id)
	if err != nil {
		return nil, err
	}
	c, err := s.deps.Timeline.SetConversation(ctx, cid, to, s.deps.Clock.Now())
	if err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	return answer(c, nil)
}

func (s *Server) postTyping(ctx context.Context, in *ConversationPath) (*struct{}, error) {
	id, err := pathID("conversation", in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.deps.Desk.Typing(ctx, id); err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	return nil, nil
}
