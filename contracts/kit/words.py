"""What each rule of a catalogue means and what to do about it, in plain words of both languages."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["ar", "en"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, in Arabic (the problem itself says it in English), and what to do, in both languages."""

    ar: str
    remedy_en: str
    remedy_ar: str


ADVICE: dict[str, Advice] = {
    "catalogue.file": Advice(
        "ملف لا مكان له في الكتالوج، أو أكبر من الحد، أو رابط وليس ملفًا",
        "Keep only the files that contracts/_meta/README.md names, as plain files of at most 1 MiB.",
        "أبقِ الملفات المذكورة في contracts/_meta/README.md فقط، ملفات عادية لا تتجاوز 1 ميبيبايت.",
    ),
    "catalogue.missing": Advice(
        "ملف لازم غير موجود",
        "Add the file.",
        "أضف الملف.",
    ),
    "catalogue.yaml": Advice(
        "الملف ليس YAML مقبولًا",
        "Write plain YAML: no anchors, no key twice, at most 20 levels.",
        "اكتب YAML بسيطًا: بلا مراسٍ (anchors) ولا مفتاح مكرر، وبحد أقصى 20 مستوى.",
    ),
    "catalogue.json": Advice(
        "الملف ليس JSON مقبولًا",
        "Write JSON with every name once, whole numbers and UTF-8.",
        "اكتب JSON بلا أسماء مكررة، وبأعداد صحيحة، وبترميز UTF-8.",
    ),
    "catalogue.document": Advice(
        "مفتاح غير معروف أو ناقص أو بقيمة لا تصلح",
        "Write the key as contracts/_meta/README.md describes it; unknown keys are refused.",
        "اكتب المفتاح كما يصفه contracts/_meta/README.md؛ المفاتيح غير المعروفة مرفوضة.",
    ),
    "catalogue.name": Advice(
        "الاسم لا يطابق المجلد أو لا عقد بهذا الاسم",
        "Give the folder and the document the same name, of a contract that exists.",
        "اجعل اسم المجلد واسم المستند واحدًا، ولعقد موجود.",
    ),
    "catalogue.schema": Advice(
        "مخطط العقد يحوي ما لا يُقبل",
        "Keep to the keywords in contracts/_meta/README.md: closed objects, bounded texts, linear patterns.",
        "التزم بالكلمات المذكورة في contracts/_meta/README.md: كائنات مغلقة ونصوص محدودة وأنماط خطية.",
    ),
    "catalogue.source": Advice(
        "مخطط الجهة غير مقبول",
        "Write a schema that stands alone: no reference to outside, no pattern that can run away.",
        "اكتب مخططًا قائمًا بذاته: بلا مراجع خارجية ولا أنماط قد لا تنتهي.",
    ),
    "catalogue.pointer": Advice(
        "إشارة إلى حقل لا وجود له في المخطط",
        "Name a field of schema.json, as /person/nid.",
        "اذكر حقلًا موجودًا في schema.json على هيئة ‎/person/nid.",
    ),
    "catalogue.codes": Advice(
        "قائمة أكواد غير موجودة أو تغيّرت أو كود ليس فيها",
        "Use codes of the list; a changed list gets a new version and sha256 in lists.yaml.",
        "استعمل أكواد القائمة؛ وإذا تغيّرت القائمة فاكتب لها إصدارًا وsha256 جديدين في lists.yaml.",
    ),
    "catalogue.arabic": Advice(
        "نص عربي ناقص أو زائد",
        "Write one Arabic text for each English one, in the same order.",
        "اكتب نصًا عربيًا لكل نص إنجليزي، بالترتيب نفسه.",
    ),
    "catalogue.media_type": Advice(
        "نوع الوسائط لا يناسب الصيغة",
        "json: application/json or application/x-ndjson; xml: application/xml or text/xml; csv: text/csv.",
        "json: application/json أو application/x-ndjson؛ xml: application/xml أو text/xml؛ csv: text/csv.",
    ),
    "catalogue.encoding": Advice(
        "الترميز لا يناسب الصيغة",
        "Write encoding: utf-8.",
        "اكتب encoding: utf-8.",
    ),
    "catalogue.mapping": Advice(
        "سطر في mapping.yaml لا يُفهم",
        "Use a path of your own schema and functions of contracts/_meta/functions.md only.",
        "استعمل مسارًا من مخطط جهتك ودوال contracts/_meta/functions.md وحدها.",
    ),
    "catalogue.target": Advice(
        "حقل قياسي غير موجود أو واجب ولا يكتبه شيء",
        "Give every required field of the contract, under its own name.",
        "اكتب كل حقل واجب في العقد باسمه.",
    ),
    "check.example": Advice(
        "المثال لا يعطي النتيجة المكتوبة بجانبه",
        "Repair the example, or write the code that it gives into its .why file.",
        "أصلح المثال، أو اكتب الكود الذي يعطيه في ملف .why.",
    ),
    "check.sample": Advice(
        "العينة لا تعطي النتيجة المكتوبة بجانبها",
        "Repair the sample or the mapping, or write the codes that it gives into its .why file.",
        "أصلح العينة أو mapping.yaml، أو اكتب الأكواد التي تعطيها في ملف .why.",
    ),
    "check.expected": Advice(
        "العينة تُحوَّل إلى غير المكتوب في expected",
        "Compare with isnad contract try --canonical; if that is right, write it into expected/.",
        "قارن بناتج «isnad contract try --canonical»؛ فإن كان صحيحًا فاكتبه في expected/.",
    ),
    "check.why": Advice(
        "مثال مرفوض بلا ملف .why",
        "Write the code that it must give into a .why file of the same name.",
        "اكتب الكود المنتظر في ملف .why بالاسم نفسه.",
    ),
    "check.codes": Advice(
        "الملاحظات الصادرة ليست المكتوبة في ملف .codes",
        "Write the codes, one a line, into the .codes file of the same name.",
        "اكتب الأكواد، كل كود في سطر، في ملف .codes بالاسم نفسه.",
    ),
    "check.code": Advice(
        "كود لا وجود له",
        "Write a code of docs/errors.md.",
        "اكتب كودًا من docs/errors.md.",
    ),
    "kit.identity": Advice(
        "رقم قد يكون رقمًا قوميًا لشخص حقيقي",
        "Replace it by a number of the reserved range: governorate code + 40 (Cairo 41, abroad 89).",
        "ضع مكانه رقمًا من النطاق المحجوز: كود المحافظة + 40 (القاهرة 41، الخارج 89).",
    ),
    "kit.field": Advice(
        "حقل وصفه ناقص",
        "Give description, x-description-ar, x-classification and examples that the field itself accepts.",
        "اكتب description وx-description-ar وx-classification وexamples يقبلها الحقل نفسه.",
    ),
    "kit.mutant": Advice(
        "قيد لا يمنع شيئًا: سجل يخالفه قُبل",
        "Tighten the constraint, or remove it.",
        "أحكِم القيد أو احذفه.",
    ),
    "kit.reach": Advice(
        "قيد لا يظهر أثره في أي مثال",
        "Add a valid example that has the field, or an invalid one that breaks the constraint.",
        "أضف مثالًا صحيحًا فيه هذا الحقل، أو مثالًا مرفوضًا يخالف القيد.",
    ),
    "kit.rule": Advice(
        "قاعدة بين الحقول لا يخالفها أي مثال",
        "Add an invalid example that breaks the rule; after its code write `from <agency>` where senders count.",
        "أضف مثالًا مرفوضًا يخالف القاعدة؛ واكتب بعد الكود from والجهة إذا كان المرسل مؤثرًا.",
    ),
    "kit.mapping": Advice(
        "حقل واجب داخل كائن لا يكتبه mapping.yaml",
        "Give the field in mapping.yaml, from a place of the source or as a const.",
        "اكتب الحقل في mapping.yaml من مكان في المصدر أو قيمة ثابتة (const).",
    ),
    "kit.unused": Advice(
        "حقل ترسله الجهة ولا يُقرأ، أو مذكور في unused بلا داعٍ",
        "Map the field, or approve it under unused in binding.yaml; better still, do not send it.",
        "اربط الحقل، أو وافق على تركه تحت unused في binding.yaml؛ والأفضل ألا يُرسل.",
    ),
    "kit.lookup": Advice(
        "قيمة ثابتة أو كود لا يقبله العقد في هذا الحقل",
        "Write a word that the contract lists for this field.",
        "اكتب كلمة من كلمات العقد لهذا الحقل.",
    ),
    "kit.history": Advice(
        "تغيير يكسر ما وُعد به في إصدار سابق",
        "Within a major version only add optional fields; anything else is a new major version beside it.",
        "داخل الإصدار الرئيسي لا يُضاف إلا حقل اختياري؛ وما عداه إصدار رئيسي جديد بجانبه.",
    ),
}
