package email

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Outlook's index of a conversation ([MS-OXOMSG] 2.2.1.3): a header, and a
// level for each answer.
const (
	conversationIndex = 22 // bytes of the header, which names the conversation
	answerLevel       = 5  // bytes
	// maxAnswerLevels bounds the index, which cannot be folded, to a line of
	// 998 characters.
	maxAnswerLevels = 100
)

// threadIndex reads Outlook's index of a mail; nil where it has none.
func threadIndex(h header) []byte {
	index, _ := decodeBase64([]byte(h.get("thread-index")))
	if len(index) < conversationIndex {
		return nil
	}
	return index
}

// indexID is an index as it is kept in Thread.ID, for our answers; "" for one
// that we do not continue.
func indexID(index []byte) string {
	if levels := len(index) - conversationIndex; levels < 0 || levels%answerLevel != 0 || levels > maxAnswerLevels*answerLevel || index[0] != 1 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(index)
}

// answerIndex returns the index of an answer to a mail with the index id; ""
// where that has none.
func answerIndex(id string, m *normalize.Message) string {
	index, err := base64.StdEncoding.DecodeString(id)
	if err != nil || id == "" || len(index) < conversationIndex || len(index) >= conversationIndex+maxAnswerLevels*answerLevel {
		return ""
	}
	at := composedAt(m)
	index = binary.BigEndian.AppendUint32(index, answerDelay(at.Sub(indexTime(index))))
	// The last byte tells apart answers that the delay is too coarse for.
	random := sha256.Sum256(at.AppendFormat(index, time.RFC3339Nano))
	return base64.StdEncoding.EncodeToString(append(index, random[0]))
}

// answerDelay is how long after its conversation's beginning an answer was
// written: 31 bits of the FILETIME, without its 18 lowest bits; where these do
// not suffice, from about 1.7 years on, a 1 and the bits without the 23 lowest.
func answerDelay(d time.Duration) uint32 {
	units := uint64(max(d, 0) / fileTimeUnit)
	if units < 1<<49 {
		return uint32(units >> 18)
	}
	return 1<<31 | uint32(units>>23)&(1<<31-1)
}

// FILETIME counts from the year 1601.
const fileTimeUnit = 100 * time.Nanosecond

const fileTimeOfUnix = 116_444_736_000_000_000 // 1 January 1970

// indexTime is when the conversation began. Outlook writes the six upper bytes
// of the FILETIME, of which the first is always 1; Exchange writes a 1, and the
// five upper bytes.
func indexTime(index []byte) time.Time {
	shift := 0
	if index[1] == 1 {
		shift = 1
	}
	units := uint64(0)
	for _, b := range index[shift:6] {
		units = units<<8 | uint64(b)
	}
	units <<= 8 * (2 + shift)
	return time.UnixMicro((int64(units) - fileTimeOfUnix) / 10)
}

// threadTopic is what Outlook calls the subject of a conversation: without the
// marks of answers.
func threadTopic(subject string) string {
	topic, _ := cutMarks(text.CleanLine(subject))
	return strings.TrimSpace(topic)
}
