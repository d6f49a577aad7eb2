"""The words of the pages, in English and Chinese."""

from typing import Final, Literal

Language = Literal["en", "zh"]

CHINESE: Final = {
    "Klaviyo sandbox": "Klaviyo 沙盒",
    "Overview": "概览",
    "Profiles": "档案",
    "Events": "事件",
    "Segments": "分群",
    "Lists": "名单",
    "Flow": "流程",
    "Flows": "流程",
    "Messages": "消息",
    "Jobs": "任务",
    "Limits": "限额",
    "Profile": "档案",
    "Properties": "属性",
    "Updated": "更新于",
    "Time": "时间",
    "Metric": "指标",
    "Nothing yet.": "暂无内容。",
    "Timeline": "时间线",
    "Consent": "订阅",
    "Members": "成员",
    "Steps": "步骤",
    "On the way": "进行中",
    "Who came, and how it ended": "谁来过，结果如何",
    "Who": "谁",
    "Why": "原因",
    "Not sent": "未发送",
    "Entered": "进入于",
    "Next step": "下一步",
    "Due": "到期",
    "How it ended": "结果",
    "Status": "状态",
    "Job": "任务",
    "Rows": "行数",
    "Failed": "失败",
    "Created": "创建于",
    "Deletions": "删除请求",
    "Operation": "操作",
    "Left this minute": "本分钟剩余",
    "of": "共",
    "Refresh every 5 s": "每 5 秒刷新",
    "Stop refreshing": "停止刷新",
    "中文": "English",  # the way to the other language
    "sent": "已发送",
    "waiting": "等到早上",
    "draft": "草稿，未发送",
    "skipped": "已跳过",
    "live": "已上线",
    "manual": "手动",
    "its event": "对应事件",
    "empty": "空",
    "backfill": "补录",
    "finished": "完成",
    "counts for nothing (draft)": "不计入（草稿）",
    "To": "发给",
    "Conditions": "条件",
    "SUBSCRIBED": "已订阅",
    "UNSUBSCRIBED": "已退订",
    "NEVER_SUBSCRIBED": "从未订阅",
    "no phone number": "没有手机号",
    "no e-mail address": "没有邮箱",
    "never agreed to SMS": "从未同意接收短信",
    "unsubscribed from SMS": "已退订短信",
    "suppressed": "已被抑制",
    "Showing the newest": "仅显示最新",
    "Yes": "是",
    "No": "否",
    "end": "结束",
    "Value": "金额",
}


#: Words for Klaviyo's names in capitals.
ENGLISH: Final = {
    "SUBSCRIBED": "subscribed",
    "UNSUBSCRIBED": "unsubscribed",
    "NEVER_SUBSCRIBED": "never subscribed",
}


def word(text: str, language: Language) -> str:
    """Return a word in the reader's language; unchanged if there is no translation."""
    return (CHINESE if language == "zh" else ENGLISH).get(text, text)
