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
	huma.Register(a, operation(http.MethodPatch, "/v1/conversations/{id}", "label-conversation", "Says who has a conversation, and its tags",
		describedAs("What the body does not name stays. Tags are kept in lower case.")), s.labelConversation)
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

type labelIn struct {
	ConversationPath
	Body LabelBody
}

// LabelBody is what is to become of a conversation.
type LabelBody struct {
	Assignee *string   `json:"assignee,omitempty" maxLength:"254" doc:"The agent whose it is, by e-mail address; empty for nobody's."`
	Tags     *[]string `json:"tags,omitempty" maxItems:"20" nullable:"false" doc:"All its tags: in the place of those that it has. Each has at most 40 characters and no comma."`
}

func (s *Server) labelConversation(ctx context.Context, in *labelIn) (*body[*normalize.Conversation], error) {
	id, err := pathID("conversation", in.ID)
	if err != nil {
		return nil, err
	}
	c, err := s.deps.Timeline.Label(ctx, id, timeline.Labels{Assignee: in.Body.Assignee, Tags: in.Body.Tags}, s.deps.Clock.Now())
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
