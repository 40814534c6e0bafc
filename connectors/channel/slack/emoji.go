package slack

import (
	"regexp"
	"strings"
)

// emoji is the character that a name of Slack's stands for, or :name: for one
// that the workspace made itself. The tone of skin is left out.
func emoji(name string) string {
	base, _, _ := strings.Cut(name, "::")
	if c, ok := emojis[base]; ok {
		return c
	}
	return ":" + base + ":"
}

var emojiCode = regexp.MustCompile(`:[a-z0-9_+'-]{1,60}:(?::skin-tone-[2-6]:)?`)

// withEmoji puts characters in the place of the names of those that are known.
func withEmoji(s string) string {
	if strings.Count(s, ":") < 2 {
		return s
	}
	return emojiCode.ReplaceAllStringFunc(s, func(code string) string {
		name, _, _ := strings.Cut(code[1:], ":")
		if c, ok := emojis[name]; ok {
			return c
		}
		return code
	})
}

// emojis are those that people use at work, by the short names of Slack's
// emoji picker.
var emojis = map[string]string{
	"+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "ok_hand": "👌", "clap": "👏", "pray": "🙏", "raised_hands": "🙌",
	"wave": "👋", "muscle": "💪", "point_up": "☝️", "point_down": "👇", "point_left": "👈", "point_right": "👉", "point_up_2": "👆",
	"handshake": "🤝", "v": "✌️", "crossed_fingers": "🤞", "fist": "✊", "facepunch": "👊", "raised_hand": "✋", "hand": "✋", "call_me_hand": "🤙",
	"writing_hand": "✍️", "eyes": "👀", "brain": "🧠", "heart": "❤️", "broken_heart": "💔", "orange_heart": "🧡", "yellow_heart": "💛",
	"green_heart": "💚", "blue_heart": "💙", "purple_heart": "💜", "black_heart": "🖤", "two_hearts": "💕", "sparkling_heart": "💖",
	"smile": "😄", "smiley": "😃", "grinning": "😀", "grin": "😁", "laughing": "😆", "satisfied": "😆", "joy": "😂", "rofl": "🤣",
	"rolling_on_the_floor_laughing": "🤣", "slightly_smiling_face": "🙂", "upside_down_face": "🙃", "wink": "😉", "blush": "😊",
	"relaxed": "☺️", "innocent": "😇", "heart_eyes": "😍", "kissing_heart": "😘", "yum": "😋", "stuck_out_tongue": "😛",
	"stuck_out_tongue_winking_eye": "😜", "hugging_face": "🤗", "thinking_face": "🤔", "neutral_face": "😐", "expressionless": "😑",
	"no_mouth": "😶", "smirk": "😏", "unamused": "😒", "face_with_rolling_eyes": "🙄", "grimacing": "😬", "relieved": "😌", "pensive": "😔",
	"sleepy": "😪", "sleeping": "😴", "mask": "😷", "face_with_thermometer": "🤒", "nerd_face": "🤓", "sunglasses": "😎", "confused": "😕",
	"worried": "😟", "slightly_frowning_face": "🙁", "white_frowning_face": "☹️", "open_mouth": "😮", "hushed": "😯", "astonished": "😲",
	"flushed": "😳", "frowning": "😦", "anguished": "😧", "fearful": "😨", "cold_sweat": "😰", "disappointed_relieved": "😥", "cry": "😢",
	"sob": "😭", "scream": "😱", "persevere": "😣", "disappointed": "😞", "sweat": "😓", "sweat_smile": "😅", "weary": "😩", "tired_face": "😫",
	"triumph": "😤", "rage": "😡", "angry": "😠", "exploding_head": "🤯", "partying_face": "🥳", "pleading_face": "🥺", "shushing_face": "🤫",
	"saluting_face": "🫡", "melting_face": "🫠", "face_palm": "🤦", "facepalm": "🤦", "shrug": "🤷", "ok_woman": "🙆", "no_good": "🙅",
	"raising_hand": "🙋", "bow": "🙇", "poop": "💩", "hankey": "💩", "skull": "💀", "ghost": "👻", "robot_face": "🤖", "see_no_evil": "🙈",
	"white_check_mark": "✅", "heavy_check_mark": "✔️", "ballot_box_with_check": "☑️", "x": "❌", "negative_squared_cross_mark": "❎",
	"heavy_plus_sign": "➕", "heavy_minus_sign": "➖", "question": "❓", "grey_question": "❔", "exclamation": "❗", "heavy_exclamation_mark": "❗",
	"bangbang": "‼️", "warning": "⚠️", "no_entry": "⛔", "no_entry_sign": "🚫", "octagonal_sign": "🛑", "rotating_light": "🚨", "sos": "🆘",
	"100": "💯", "fire": "🔥", "sparkles": "✨", "star": "⭐", "star2": "🌟", "boom": "💥", "zap": "⚡", "tada": "🎉", "confetti_ball": "🎊",
	"gift": "🎁", "balloon": "🎈", "birthday": "🎂", "trophy": "🏆", "medal": "🏅", "rocket": "🚀", "airplane": "✈️", "car": "🚗", "truck": "🚚",
	"package": "📦", "mailbox": "📫", "email": "✉️", "envelope": "✉️", "incoming_envelope": "📨", "phone": "☎️", "telephone": "☎️",
	"telephone_receiver": "📞", "iphone": "📱", "computer": "💻", "desktop_computer": "🖥️", "keyboard": "⌨️", "printer": "🖨️", "camera": "📷",
	"movie_camera": "🎥", "microphone": "🎤", "headphones": "🎧", "bell": "🔔", "no_bell": "🔕", "loudspeaker": "📢", "mega": "📣", "lock": "🔒",
	"unlock": "🔓", "key": "🔑", "hammer": "🔨", "wrench": "🔧", "hammer_and_wrench": "🛠️", "gear": "⚙️", "link": "🔗", "paperclip": "📎",
	"pushpin": "📌", "round_pushpin": "📍", "scissors": "✂️", "memo": "📝", "pencil": "📝", "pencil2": "✏️", "page_facing_up": "📄",
	"clipboard": "📋", "calendar": "📆", "date": "📅", "chart_with_upwards_trend": "📈", "chart_with_downwards_trend": "📉", "bar_chart": "📊",
	"file_folder": "📁", "open_file_folder": "📂", "books": "📚", "book": "📖", "bulb": "💡", "mag": "🔍", "mag_right": "🔎", "hourglass": "⌛",
	"hourglass_flowing_sand": "⏳", "watch": "⌚", "alarm_clock": "⏰", "stopwatch": "⏱️", "moneybag": "💰", "money_with_wings": "💸",
	"credit_card": "💳", "dollar": "💵", "euro": "💶", "shopping_trolley": "🛒", "coffee": "☕", "tea": "🍵", "beer": "🍺", "beers": "🍻",
	"champagne": "🍾", "pizza": "🍕", "cake": "🍰", "cookie": "🍪", "sunny": "☀️", "cloud": "☁️", "umbrella": "☔", "snowflake": "❄️",
	"rainbow": "🌈", "earth_africa": "🌍", "earth_americas": "🌎", "earth_asia": "🌏", "tree": "🌳", "evergreen_tree": "🌲", "seedling": "🌱",
	"rose": "🌹", "sunflower": "🌻", "bug": "🐛", "dog": "🐶", "cat": "🐱", "turtle": "🐢", "snail": "🐌", "unicorn_face": "🦄", "house": "🏠",
	"office": "🏢", "factory": "🏭", "checkered_flag": "🏁", "triangular_flag_on_post": "🚩", "red_circle": "🔴", "large_blue_circle": "🔵",
	"large_green_circle": "🟢", "large_yellow_circle": "🟡", "large_orange_circle": "🟠", "white_circle": "⚪", "black_circle": "⚫",
	"arrow_up": "⬆️", "arrow_down": "⬇️", "arrow_left": "⬅️", "arrow_right": "➡️", "arrows_counterclockwise": "🔄", "repeat": "🔁", "back": "🔙",
	"soon": "🔜", "new": "🆕", "free": "🆓", "ok": "🆗", "cool": "🆒", "up": "🆙", "information_source": "ℹ️", "copyright": "©️", "tm": "™️",
	"one": "1️⃣", "two": "2️⃣", "three": "3️⃣", "four": "4️⃣", "five": "5️⃣", "six": "6️⃣", "seven": "7️⃣", "eight": "8️⃣", "nine": "9️⃣", "keycap_ten": "🔟",
}
