package inbox

import "maps"

// chineseOfAgents are the words of the tools that agents need every minute.
var chineseOfAgents = map[string]string{
	"Add":            "添加",
	"All":            "全部",
	"All tags":       "全部标签",
	"Assign":         "分配",
	"Assigned to":    "负责人",
	"Mark as unread": "标为未读",
	"Mine":           "我的",
	"New tag":        "新标签",
	"Nobody's":       "未分配",
	"Remove the tag": "移除标签",
	"Tag":            "标签",
	"Take it":        "由我处理",
	"nobody":         "无",
	"only unread":    "仅未读",
	"unread":         "未读",
	"Agents type / and the name. {customer} and {agent} stand for their names.": "客服输入 / 和名称即可插入。{客户} 和 {客服} 会替换为各自的姓名。",
	"All outcomes": "全部结果",
	"As it came":   "原始内容",
	"Everything that vendors handed over, and what became of it.": "各渠道送来的全部内容及其处理结果。",
	"From":                                "从",
	"Key":                                 "标识",
	"Ledger":                              "接收记录",
	"Look further back":                   "查看更早的记录",
	"Message":                             "消息",
	"Outcome":                             "结果",
	"Received":                            "接收时间",
	"Images that could not be loaded: %d": "无法加载的图片：%d",
	"Show remote images":                  "显示远程图片",
	"Whoever keeps them can tell that somebody looked.": "图片所在的服务器会得知有人查看。",
	"Open and closed":                  "处理中和已关闭",
	"Size":                             "大小",
	"outcome accepted":                 "已接收",
	"outcome duplicate":                "重复",
	"outcome echo":                     "自己发出的消息",
	"outcome ignored":                  "忽略",
	"outcome quarantined":              "无法读取",
	"outcome waiting":                  "等待相关消息",
	"to":                               "至",
	"Canned answers":                   "常用回复",
	"New canned answer":                "新建常用回复",
	"Save":                             "保存",
	"Text":                             "内容",
	"There are no canned answers yet.": "还没有常用回复。",
	"refused:canned":                   "常用回复无效",
	"refused:assignee":                 "无法分配",
	"refused:tag":                      "标签无效",
}

// both joins two lists of words.
func both(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
