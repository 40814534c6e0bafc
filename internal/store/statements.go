package store

// The statements that a group of inputs runs for many rows at once.

var (
	findKeys      = newLookup("keys", "ref, mark", false, "key", typeBytes)
	findAddresses = newLookup("addresses", "id, customer_id, name, unreachable, opted_out, consent_at, profiled_at", false, "kind", typeText, "value", typeText)
	lockAddresses = newLookup("addresses", "kind, value, customer_id, name", true, "id", typeInt)
	findEvidence  = newLookup("evidence", "address_id, verified", false, "kind", typeText, "value", typeText)
	findMessages  = newLookup("messages", messageColumns, false, "id", typeInt)
	findDoubts    = newLookup("parts", "message_id", false, "message_id", typeInt, "status", typeText)
	lockThreads   = newLookup("conversations", conversationColumns, true, "id", typeInt)
	findRoutes    = newLookup("routes", "account_id, taken", false, "conversation_id", typeInt)

	putKey = newInsert("keys", "", "key", typeBytes, "ref", typeInt, "mark", typeInt)
	// putName is putKey for a key whose ref may change.
	putName = newInsert("keys", "ON CONFLICT (key) DO UPDATE SET ref = excluded.ref, mark = excluded.mark",
		"key", typeBytes, "ref", typeInt, "mark", typeInt)
	putAddress = newInsert("addresses", "ON CONFLICT (kind, value) DO NOTHING", "id", typeInt, "kind", typeText, "value", typeText,
		"name", typeText, "customer_id", typeInt, "evidence", typeText, "author", typeText, "linked_at", typeInt)
	putCustomer = newInsert("customers", "", "id", typeInt, "name", typeText)
	putLedger   = newInsert("ledger", "", "id", typeInt, "account_id", typeInt, "name", typeText, "received_at", typeInt,
		"outcome", typeText, "reason", typeText, "message_id", typeInt, "size", typeInt)
	putRaw = newInsert("raws", "", "ledger_id", typeInt, "content_type", typeText, "meta", typeText, "encoding", typeText,
		"digest", typeBytes, "data", typeBytes)
	putRawFile = newInsert("raw_files", "", "ledger_id", typeInt, "digest", typeBytes)
	putMessage = newInsert("messages", "", "id", typeInt, "conversation_id", typeInt, "owner_id", typeInt, "address_id", typeInt,
		"account_id", typeInt, "ledger_id", typeInt, "flags", typeInt, "sent_at", typeInt, "external_id", typeText, "payload", typeBytes)
	putConversation = newInsert("conversations", `ON CONFLICT (id) DO UPDATE SET state = excluded.state, closed_at = excluded.closed_at,
		active_at = excluded.active_at, last_inbound = excluded.last_inbound, window_thread = excluded.window_thread`, "id", typeInt, "account_id", typeInt, "address_id", typeInt, "subject", typeText,
		"state", typeText, "closed_at", typeInt, "active_at", typeInt, "last_inbound", typeInt,
		"erased_at", typeInt, "window_thread", typeText)
	putCursor = newInsert("cursors", "ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value",
		"account_id", typeInt, "name", typeText, "value", typeText)

	putEvent = newInsert("events", "", "id", typeInt, "type", typeText, "conversation_id", typeInt, "ref_id", typeInt, "detail", typeText)
	putRoute = newInsert("routes", "ON CONFLICT (conversation_id, account_id) DO NOTHING",
		"conversation_id", typeInt, "account_id", typeInt, "taken", typeInt, "why", typeText)
	putQueue = newInsert("queues", "ON CONFLICT (account_id, conversation_id) DO UPDATE SET next_at = excluded.next_at WHERE queues.next_at IS NULL",
		"id", typeInt, "account_id", typeInt, "conversation_id", typeInt, "lane", typeText, "next_at", typeInt)
	// putWork writes a job whose queue is as new as itself.
	putWork = newInsert("jobs", "", "id", typeInt, "queue_id", typeInt, "task", typeText, "about_id", typeInt, "message_id", typeInt,
		"state", typeText, "due_at", typeInt, "expires_at", typeInt)
	// putJob finds the queue by its account and conversation.
	putJob = &insert{
		single: `INSERT INTO jobs (id, queue_id, task, event_id, message_id, state, due_at, expires_at)
			SELECT $1, id, $2, $3, $4, $5, $6, 0 FROM queues WHERE account_id = $7 AND conversation_id = $8`,
		bulk: `INSERT INTO jobs (id, queue_id, task, event_id, message_id, state, due_at, expires_at)
			SELECT r.id, q.id, r.task, r.event_id, r.message_id, r.state, r.due_at, 0
			FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
				AS r(id, task, event_id, message_id, state, due_at, account_id, conversation_id)
			JOIN queues q ON q.account_id = r.account_id AND q.conversation_id = r.conversation_id`,
		types: []string{typeInt, typeText, typeInt, typeInt, typeText, typeInt, typeInt, typeInt},
	}
)
