package testenv

import (
	"encoding/json"
	"strings"
)

// virtual are the codes of keys that write no letter, as Windows numbers them;
// the protocol asks for those.
var virtual = map[string]int{
	"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowDown": 40, "Home": 36, "End": 35,
}

// written are the texts of keys that are not called as they write.
var written = map[string]string{"Enter": "\r", "Tab": "", "Escape": "", "ArrowUp": "", "ArrowDown": "", "Home": "", "End": ""}

// Press presses and lets go keys one by one: a character or the name of a key;
// "Ctrl+" and "Shift+" before it hold these.
func (b *Browser) Press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		key, ctrl := strings.CutPrefix(k, "Ctrl+")
		key, shift := strings.CutPrefix(key, "Shift+")
		p := map[string]any{"type": "keyDown", "key": key}
		if code, ok := virtual[key]; ok {
			p["windowsVirtualKeyCode"] = code
		}
		text, named := written[key]
		if !named {
			text = key
		}
		if text != "" {
			p["text"] = text
		}
		held := 0
		if ctrl {
			held |= 2
		}
		if shift {
			held |= 8
		}
		p["modifiers"] = held
		b.call(b.page, "Input.dispatchKeyEvent", p, nil)
		p["type"] = "keyUp"
		delete(p, "text")
		b.call(b.page, "Input.dispatchKeyEvent", p, nil)
	}
}

// Choose presses keys that ask for a file, and chooses it.
func (b *Browser) Choose(file string, keys ...string) {
	b.t.Helper()
	b.call(b.page, "Page.setInterceptFileChooserDialog", map[string]any{"enabled": true}, nil)
	b.Press(keys...)
	var node int
	WaitFor(b.t, deadline, "a dialog that asks for a file", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		node, b.chooser = b.chooser, 0
		return node != 0
	})
	b.call(b.page, "DOM.setFileInputFiles", map[string]any{"files": []string{file}, "backendNodeId": node}, nil)
	b.call(b.page, "Page.setInterceptFileChooserDialog", map[string]any{"enabled": false}, nil)
}

// asked keeps which element asked for a file.
func (b *Browser) asked(params json.RawMessage) {
	var p struct{ BackendNodeID int }
	if json.Unmarshal(params, &p) == nil {
		b.chooser = p.BackendNodeID
	}
}
