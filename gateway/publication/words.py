"""What the words of a contract mean to somebody who meets them for the first time."""

import re

from gateway.publication.voice import Text

FREEZE = {
    "pass": Text("goes on during a freeze", "يمر أثناء التجميد"),
    "hold": Text("waits during a freeze", "ينتظر أثناء التجميد"),
    "exempt": Text("not concerned by a freeze", "لا يعنيه التجميد"),
}
FREEZE_AT_LENGTH = {
    "pass": Text(
        "From the day on which voters are called, records are still handed over and take effect, until the cut-off "
        "before polling. From the cut-off until polling is over they are accepted, sealed and kept, and handed over "
        "afterwards.",
        "منذ يوم دعوة الناخبين تستمر السجلات في الوصول والنفاذ حتى موعد الإقفال قبل الاقتراع. ومن موعد الإقفال "
        "حتى انتهاء الاقتراع تُقبل وتُختم وتُحفظ، ثم تُسلَّم بعده.",
    ),
    "hold": Text(
        "From the day on which voters are called until polling is over, records are accepted, sealed and kept, and "
        "handed over afterwards, in order. Go on sending: nothing is lost and nothing has to be sent again.",
        "منذ يوم دعوة الناخبين حتى انتهاء الاقتراع تُقبل السجلات وتُختم وتُحفظ، ثم تُسلَّم بعده بترتيبها. استمروا "
        "في الإرسال، فلا يضيع شيء ولا يُعاد إرسال شيء.",
    ),
    "exempt": Text(
        "Records of this contract never change the voter register. They are handed over at all times, also while "
        "the register is frozen.",
        "سجلات هذا العقد لا تغيّر قاعدة بيانات الناخبين، فتُسلَّم في كل وقت، ولو كانت القاعدة مجمدة.",
    ),
}
CLASSES = {
    "internal": Text("internal", "داخلي"),
    "confidential": Text("confidential", "سري"),
    "restricted": Text("restricted", "مقيد الاطلاع"),
}
CLASSES_AT_LENGTH = {
    "internal": Text("about the exchange and nobody", "عن التبادل نفسه لا عن شخص"),
    "confidential": Text("about a person", "عن شخص"),
    "restricted": Text(
        "what the law protects beyond that: judgments, health, service",
        "ما يحميه القانون فوق ذلك: الأحكام والصحة والخدمة",
    ),
}
STATUS = {
    "proposed": Text("proposed", "مقترح"),
    "draft": Text("draft", "مسودة"),
    "active": Text("in force", "سارٍ"),
    "deprecated": Text("to be replaced", "سيُستبدل"),
    "retired": Text("retired", "منتهٍ"),
}
LEVELS = {
    "latency": Text("Within", "خلال"),
    "timeToNotify": Text("At the latest within", "في موعد أقصاه"),
    "frequency": Text("Every", "كل"),
}
_UNITS_EN = {"h": "hour", "d": "day", "w": "week", "mo": "month"}
_UNITS_AR = {
    "h": ("ساعة", "ساعتان", "ساعات", "ساعة"),
    "d": ("يوم", "يومان", "أيام", "يومًا"),
    "w": ("أسبوع", "أسبوعان", "أسابيع", "أسبوعًا"),
    "mo": ("شهر", "شهران", "أشهر", "شهرًا"),
}
"""One, two, three to ten, eleven and more."""
_FEW = 10


def span(count: int, unit: str) -> Text:
    """Return so many hours (`h`), days (`d`), weeks (`w`) or months (`mo`), as said after "within" or "every"."""
    one, two, few, many = _UNITS_AR[unit]
    called = _UNITS_EN[unit]
    if count <= 2:  # noqa: PLR2004  Arabic has a dual
        return Text(called if count == 1 else f"{count} {called}s", one if count == 1 else two)
    return Text(f"{count} {called}s", f"{count} {few if count <= _FEW else many}")


STEPS = (
    Text(
        "The submission is read strictly, within limits of size.", "يُقرأ التقديم قراءة صارمة ضمن حدود للحجم."
    ),
    Text("Each record is held against the agency's own schema.", "يُطابَق كل سجل على مخطط الجهة المرسلة."),
    Text(
        "It is mapped, field by field, to the canonical record: digits, names and dates get one form.",
        "يُحوَّل حقلًا حقلًا إلى السجل القياسي، فتتوحد صيغ الأرقام والأسماء والتواريخ.",
    ),
    Text(
        "It is held against the contract: fields, national ID, rules across fields.",
        "يُطابَق على العقد: الحقول والرقم القومي والقواعد بين الحقول.",
    ),
    Text(
        "What holds is signed, encrypted for its recipient and entered into the log; the receipt proves it. What "
        "does not is refused by itself, with a code, the field and the rule, and its neighbours go on.",
        "ما صح يُوقَّع ويُشفَّر لمستقبله ويُقيَّد في المسار، والإيصال دليله. وما لم يصح يُرفض وحده برمز وحقل "
        "وقاعدة، ويمضي ما جاوره.",
    ),
)
"""How a record is handled, in order."""
DRIVERS = {
    "regulatory": Text("by law", "بحكم القانون"),
    "operational": Text("for the work", "لحاجة العمل"),
    "analytics": Text("for analysis", "للتحليل"),
}
TRANSPORTS = {
    "rest": Text("REST over HTTPS", "REST عبر HTTPS"),
    "soap": Text("SOAP", "SOAP"),
    "sftp": Text("files over SFTP", "ملفات عبر SFTP"),
}
COMPLETE = {
    "rename": Text("it gets this name", "يُعطى هذا الاسم"),
    "stable": Text("it stops growing", "يتوقف نموه"),
    "manifest": Text("its manifest is there", "يوجد بيانه بجانبه"),
}
MANIFEST = {
    "sha256": Text("SHA-256 of the file as it is sent", "بصمة SHA-256 للملف كما يُرسل"),
    "count": Text("number of records", "عدد السجلات"),
    "sequence": Text("sequence number, from 1", "الرقم المتسلسل، من 1"),
    "total": Text("number of parts", "عدد الأجزاء"),
    "batch": Text("name of the batch", "اسم الدفعة"),
    "size": Text("size in bytes", "الحجم بالبايت"),
    "name": Text("name of the file", "اسم الملف"),
    "period_from": Text("first day", "أول يوم"),
    "period_to": Text("last day", "آخر يوم"),
}
FUNCTIONS = {
    "trim": Text("white space at both ends is removed", "تُحذف المسافات من الطرفين"),
    "digits_ascii": Text("digits of any script become ASCII", "تُحوَّل الأرقام من أي كتابة إلى 0-9"),
    "nid": Text(
        "read as a national ID of 14 digits; spaces and invisible characters removed",
        "يُقرأ رقمًا قوميًا من 14 رقمًا، وتُحذف المسافات والمحارف غير المرئية",
    ),
    "date": Text("a date in this form", "تاريخ بهذه الصيغة"),
    "datetime_utc": Text("an instant in UTC", "لحظة بتوقيت UTC"),
    "text": Text("invisible characters are removed", "تُحذف المحارف غير المرئية"),
    "arabic_name": Text(
        "tatweel, vowel marks and presentation forms are removed", "يُزال التطويل والتشكيل وأشكال العرض"
    ),
    "split_name": Text("parted into the parts of a name", "يُقسَّم إلى أجزاء الاسم"),
    "upper": Text("capital letters", "أحرف كبيرة"),
    "int": Text("a whole number", "عدد صحيح"),
    "bool_map": Text("true for the first word, false for the second", "true للكلمة الأولى وfalse للثانية"),
    "concat": Text("joined in this order", "تُضم بهذا الترتيب"),
    "first_non_empty": Text("the first that is not empty", "أول ما ليس خاليًا"),
    "hash_ref": Text("a reference made of these: SHA-256", "مرجع يُشتق منها: SHA-256"),
    "default": Text("when absent", "عند غيابه"),
}
"""What each function of a mapping does, by name."""

_LAW = re.compile(r"\bLaw ([0-9]+)/([0-9]{4})")
_DECREE_LAW = re.compile(r"\bDecree-Law ([0-9]+)/([0-9]{4})")
_WORDS_AR = (
    ("Constitution", "الدستور"),
    ("amended by", "المعدلة بموجب"),
    ("art.", "مادة"),
    (" and ", " و"),
    (" to ", " إلى "),
    (";", "؛"),
    (",", "،"),
)


def citation(reference: str) -> Text:
    """Return a reference to a law in both languages; one that is written in other words stays English."""
    arabic = _LAW.sub(r"القانون \1 لسنة \2", _DECREE_LAW.sub(r"المرسوم بقانون \1 لسنة \2", reference))
    for english, word in _WORDS_AR:
        arabic = arabic.replace(english, word)
    return Text(reference, "" if re.search("[A-Za-z]", arabic) else arabic)
