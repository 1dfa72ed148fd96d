"""The words for every code a record can get, in English and Arabic.

Codes are stable: programs of agencies branch on them. Texts may be improved at any time. Codes that begin
with `record.` refuse a record; `review.` sets it aside for an officer; `warning.` only accompanies it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeText:
    """What a code means and what its reader should do, in both languages."""

    en: str
    ar: str
    remedy_en: str
    remedy_ar: str


CODES: dict[str, CodeText] = {
    # -- framing and parsing
    "record.size": CodeText(
        "The record is too large",
        "السجل أكبر من الحد المسموح",
        "Send the record within the size that the binding states.",
        "أرسل السجل في حدود الحجم المذكور في المواصفة.",
    ),
    "record.document.size": CodeText(
        "The document is too large to be read as a whole",
        "المستند أكبر من أن يُقرأ دفعة واحدة",
        "Send fewer records at once, or send them as NDJSON.",
        "أرسل عددًا أقل من السجلات في المرة الواحدة أو أرسلها بصيغة NDJSON.",
    ),
    "record.manifest.syntax": CodeText(
        "The manifest is not one small JSON object",
        "بيان الملف ليس كائن JSON واحدًا صغيرًا",
        "Write the manifest as one flat JSON object in UTF-8, every name once.",
        "اكتب بيان الملف كائن JSON واحدًا بسيطًا بترميز UTF-8، وكل اسم مرة واحدة.",
    ),
    "record.manifest.member": CodeText(
        "A member of the manifest is missing, unknown or not what the binding says",
        "عنصر في بيان الملف ناقص أو غير معروف أو ليس كما تنص المواصفة",
        "Write exactly the members that the binding names, each in its form.",
        "اكتب العناصر المذكورة في المواصفة وحدها، كلًا بصيغته.",
    ),
    "record.encoding": CodeText(
        "The text is not in the agreed encoding",
        "النص ليس بالترميز المتفق عليه",
        "Write the file in the encoding that the binding names.",
        "اكتب الملف بالترميز المذكور في المواصفة.",
    ),
    "record.json.syntax": CodeText(
        "The record is not well-formed JSON",
        "السجل ليس JSON صحيح البنية",
        "Produce the record with a JSON library, not by joining strings.",
        "أنتج السجل بمكتبة JSON ولا تجمعه من نصوص.",
    ),
    "record.json.object": CodeText(
        "The record is not a JSON object",
        "السجل ليس كائن JSON",
        "Send one JSON object for each record.",
        "أرسل كائن JSON واحدًا لكل سجل.",
    ),
    "record.json.duplicate_key": CodeText(
        "A JSON object has the same name twice",
        "اسم مكرر داخل كائن JSON واحد",
        "Write each name once; programs disagree about which of two values counts.",
        "اكتب كل اسم مرة واحدة، فالبرامج تختلف في أي القيمتين تُعتمد.",
    ),
    "record.json.number": CodeText(
        "A JSON number is not a whole number within ±(2^53-1)",
        "رقم JSON ليس عددًا صحيحًا في الحدود المسموحة",
        "Write identifiers as strings, and counts as whole numbers.",
        "اكتب المعرّفات نصوصًا والأعداد صحيحة بلا كسور.",
    ),
    "record.json.depth": CodeText(
        "The JSON is nested too deeply",
        "تداخل JSON أعمق من المسموح",
        "Follow the structure of the source schema.",
        "اتبع البنية المذكورة في مخطط المصدر.",
    ),
    "record.xml.syntax": CodeText(
        "The XML is not well-formed",
        "ملف XML غير صحيح البنية",
        "Produce the document with an XML library.",
        "أنتج المستند بمكتبة XML.",
    ),
    "record.xml.doctype": CodeText(
        "The XML has a document type declaration or an entity",
        "يحتوي XML على تعريف نوع مستند أو كيان",
        "Remove the DOCTYPE and write characters directly.",
        "احذف DOCTYPE واكتب الحروف مباشرة.",
    ),
    "record.xml.root": CodeText(
        "The document's outer elements are not the agreed ones",
        "العناصر الخارجية للمستند ليست المتفق عليها",
        "Use the element names and the namespace of the binding.",
        "استخدم أسماء العناصر ومساحة الأسماء الواردة في المواصفة.",
    ),
    "record.xml.repeated": CodeText(
        "An element that is read once occurs twice",
        "عنصر يُقرأ مرة واحدة ورد مرتين",
        "Write the element once.",
        "اكتب العنصر مرة واحدة.",
    ),
    "record.csv.header": CodeText(
        "The first line does not hold the agreed column names",
        "السطر الأول لا يحوي أسماء الأعمدة المتفق عليها",
        "Write the columns of the binding, all of them, in its order.",
        "اكتب أعمدة المواصفة كلها وبترتيبها.",
    ),
    "record.csv.columns": CodeText(
        "The row does not have one cell for each column",
        "عدد خلايا الصف لا يطابق عدد الأعمدة",
        "Quote cells that hold the delimiter; write empty cells too.",
        "ضع الخلية التي تحوي الفاصل بين علامتي تنصيص واكتب الخلايا الفارغة أيضًا.",
    ),
    "record.csv.quote": CodeText(
        "A quotation mark is not closed or stands in the wrong place",
        "علامة تنصيص غير مغلقة أو في غير موضعها",
        "Quote whole cells and double a quotation mark inside one.",
        "ضع الخلية كاملة بين علامتي تنصيص وضاعف العلامة داخلها.",
    ),
    # -- schema
    "record.schema.required": CodeText(
        "A required field is missing",
        "حقل إلزامي غير موجود",
        "Send the field.",
        "أرسل الحقل.",
    ),
    "record.schema.unexpected": CodeText(
        "There is a field that the contract does not know",
        "يوجد حقل لا يعرفه العقد",
        "Leave out everything that the contract does not ask for.",
        "لا ترسل ما لا يطلبه العقد.",
    ),
    "record.schema.type": CodeText(
        "A field has the wrong type",
        "نوع الحقل غير صحيح",
        "Send the field with the type of the schema; identifiers are strings.",
        "أرسل الحقل بالنوع المذكور في المخطط، والمعرّفات نصوص.",
    ),
    "record.schema.pattern": CodeText(
        "A field is not written in the agreed form",
        "الحقل غير مكتوب بالصيغة المتفق عليها",
        "Write the field in the form that the rule states.",
        "اكتب الحقل بالصيغة التي تذكرها القاعدة.",
    ),
    "record.schema.enum": CodeText(
        "A field is not one of the agreed words",
        "قيمة الحقل ليست من القيم المتفق عليها",
        "Use one of the words that the rule lists.",
        "استخدم إحدى القيم المذكورة في القاعدة.",
    ),
    "record.schema.length": CodeText(
        "A text is too short or too long",
        "النص أقصر أو أطول من المسموح",
        "Keep within the length that the rule states.",
        "التزم بالطول المذكور في القاعدة.",
    ),
    "record.schema.range": CodeText(
        "A number is too small or too large",
        "الرقم أصغر أو أكبر من المسموح",
        "Keep within the range that the rule states.",
        "التزم بالحدود المذكورة في القاعدة.",
    ),
    "record.schema.items": CodeText(
        "A list is too short, too long or repeats itself",
        "القائمة أقصر أو أطول من المسموح أو فيها تكرار",
        "Keep within the number of items that the rule states.",
        "التزم بعدد العناصر المذكور في القاعدة.",
    ),
    "record.schema.combination": CodeText(
        "The fields do not go together",
        "الحقول لا تتفق معًا",
        "Send one of the combinations that the rule states.",
        "أرسل إحدى التركيبات المذكورة في القاعدة.",
    ),
    # -- values
    "record.date.format": CodeText(
        "A date or time is not written in the agreed form",
        "التاريخ أو الوقت غير مكتوب بالصيغة المتفق عليها",
        "Write dates in the form that the binding states.",
        "اكتب التواريخ بالصيغة المذكورة في المواصفة.",
    ),
    "record.date.calendar": CodeText(
        "A date does not exist in the calendar",
        "التاريخ غير موجود في التقويم",
        "Correct the date.",
        "صحّح التاريخ.",
    ),
    "record.date.future": CodeText(
        "A date lies in the future",
        "التاريخ في المستقبل",
        "Report what has happened, with its date.",
        "أبلغ عمّا حدث بتاريخه.",
    ),
    "record.nid.format": CodeText(
        "The national ID is not 14 digits beginning with 2 or 3",
        "الرقم القومي ليس 14 رقمًا يبدأ بـ 2 أو 3",
        "Copy the number from the register, as text.",
        "انسخ الرقم من السجل كنص.",
    ),
    "record.digits.mixed": CodeText(
        "A number mixes two kinds of digits",
        "رقم يخلط بين نوعين من الأرقام",
        "Write the number in one kind of digits.",
        "اكتب الرقم بنوع واحد من الأرقام.",
    ),
    "record.nid.scientific": CodeText(
        "The national ID was turned into scientific notation by a spreadsheet",
        "حوّل برنامج الجداول الرقم القومي إلى صيغة علمية",
        "Export the column as text; digits have been lost, so take them from the register again.",
        "صدّر العمود كنص، وأعد أخذ الأرقام من السجل لأن بعضها ضاع.",
    ),
    "record.nid.date": CodeText(
        "The birth date inside the national ID does not exist or comes after the event",
        "تاريخ الميلاد داخل الرقم القومي غير موجود أو بعد الواقعة",
        "Check the number against the register.",
        "راجع الرقم على السجل.",
    ),
    "record.nid.profile": CodeText(
        "The national ID belongs to the other environment",
        "الرقم القومي يخص البيئة الأخرى",
        "Send synthetic numbers to test gateways only, and real ones to production only.",
        "أرسل الأرقام الاصطناعية إلى بيئة الاختبار فقط والحقيقية إلى بيئة التشغيل فقط.",
    ),
    "record.text.bidi": CodeText(
        "A text holds characters that change the reading direction",
        "يحتوي النص على محارف تغيّر اتجاه القراءة",
        "Remove direction embeddings, overrides and isolates (U+202A-202E, U+2066-2069).",
        "احذف محارف تغيير الاتجاه (U+202A-202E و U+2066-2069).",
    ),
    "record.text.control": CodeText(
        "A text holds control characters",
        "يحتوي النص على محارف تحكم",
        "Remove control characters and line breaks.",
        "احذف محارف التحكم وفواصل الأسطر.",
    ),
    "record.number.format": CodeText(
        "A number is not written as a whole number",
        "الرقم غير مكتوب كعدد صحيح",
        "Write digits only.",
        "اكتب أرقامًا فقط.",
    ),
    "record.code.unknown": CodeText(
        "A code is not in the agreed list",
        "الرمز ليس في القائمة المتفق عليها",
        "Use a code of the list that the rule names.",
        "استخدم رمزًا من القائمة المذكورة في القاعدة.",
    ),
    "record.ref.personal": CodeText(
        "A reference contains a national ID",
        "المرجع يحتوي على رقم قومي",
        "Use references without personal data; they are kept in clear in the log.",
        "استخدم مراجع بلا بيانات شخصية فهي تُحفظ ظاهرة في السجل.",
    ),
    # -- across fields
    "record.rule.order": CodeText(
        "Two dates are in the wrong order",
        "تاريخان في ترتيب خاطئ",
        "Correct the date that is wrong.",
        "صحّح التاريخ الخاطئ.",
    ),
    "record.rule.differ": CodeText(
        "A value is said to have changed and is the same",
        "قيمة ذُكر أنها تغيرت وهي نفسها",
        "Send what it was before and what it is now.",
        "أرسل القيمة السابقة والقيمة الجديدة.",
    ),
    "record.rule.same": CodeText(
        "Two fields that belong together disagree",
        "حقلان متلازمان مختلفان",
        "Write the same in both fields that the rule names.",
        "اكتب القيمة نفسها في الحقلين اللذين تذكرهما القاعدة.",
    ),
    "record.rule.sum": CodeText(
        "Counts do not add up",
        "الأعداد لا يطابق مجموعها الإجمالي",
        "Count again; the rule names the total and its parts.",
        "أعد العد، والقاعدة تذكر الإجمالي وأجزاءه.",
    ),
    "record.rule.sender": CodeText(
        "This agency may not send this value",
        "لا يحق لهذه الجهة إرسال هذه القيمة",
        "Leave it to the agency that the rule names.",
        "اترك الإبلاغ للجهة المذكورة في القاعدة.",
    ),
    "record.rule.age": CodeText(
        "The dates do not give the age or period that the rule asks for",
        "التواريخ لا تعطي السن أو المدة المطلوبة",
        "Correct the date that is wrong, or wait until the day has come.",
        "صحّح التاريخ الخاطئ أو انتظر حتى يحين اليوم.",
    ),
    # -- accepted, set aside for an officer
    "review.nid.governorate": CodeText(
        "The birth governorate inside the national ID is not in the list",
        "محافظة الميلاد داخل الرقم القومي ليست في القائمة",
        "An officer checks the number.",
        "يراجع الموظف المختص الرقم.",
    ),
    "review.nid.sex": CodeText(
        "The national ID and the declared sex disagree",
        "الرقم القومي والنوع المذكور لا يتفقان",
        "An officer asks the register.",
        "يراجع الموظف المختص السجل المدني.",
    ),
    "review.nid.birth_date": CodeText(
        "The national ID and the declared birth date disagree",
        "الرقم القومي وتاريخ الميلاد المذكور لا يتفقان",
        "An officer asks the register; corrected birth dates keep the old number.",
        "يراجع الموظف المختص السجل المدني، فتصحيح التاريخ لا يغيّر الرقم.",
    ),
    "review.nid.age": CodeText(
        "By the national ID the person would be older than 110",
        "السن بحسب الرقم القومي تزيد على 110 سنوات",
        "An officer checks the number.",
        "يراجع الموظف المختص الرقم.",
    ),
    "review.text.alphabet": CodeText(
        "A name holds characters outside the Arabic alphabet",
        "الاسم يحتوي على حروف خارج الأبجدية العربية",
        "An officer compares the name with the register.",
        "يقارن الموظف المختص الاسم بالسجل.",
    ),
    "review.code.unknown": CodeText(
        "A code is not in the list yet",
        "الرمز ليس في القائمة بعد",
        "An officer adds the code to the list or has it corrected.",
        "يضيف الموظف المختص الرمز إلى القائمة أو يطلب تصحيحه.",
    ),
    # -- accepted, with a remark
    "warning.nid.check_digit": CodeText(
        "The last digit of the national ID is not the one that the usual formula gives",
        "الرقم الأخير من الرقم القومي لا يطابق المعادلة الشائعة",
        "Nothing has to be done; the formula is not official.",
        "لا يلزم إجراء، فالمعادلة غير رسمية.",
    ),
    "warning.late": CodeText(
        "It came later than the duty to report allows",
        "ورد بعد الموعد الواجب",
        "Nothing to change; the authority counts what is late.",
        "لا تغيير مطلوب، وتحصي الهيئة ما تأخر.",
    ),
    "warning.text.sanitised": CodeText(
        "Invisible or decorative characters were taken out of a text",
        "حُذفت محارف غير مرئية أو زخرفية من نص",
        "Nothing has to be done; better send text without them.",
        "لا يلزم إجراء، والأفضل إرسال النص بدونها.",
    ),
}
