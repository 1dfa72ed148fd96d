"""Made-up records of the reserved range, 1 KiB each once they are canonical."""

from __future__ import annotations

from datetime import date, timedelta

from contracts.nid import check_digit

CANONICAL_BYTES = 1024
_REMARK = "وفاة طبيعية بالمنزل وفق إخطار مفتش الصحة المختص بعد مناظرة الجثمان وسماع أقوال ذوي المتوفى جميعا."
_FIRST_DAY = date(1940, 1, 1)


def person(n: int) -> tuple[str, date]:
    """Return the national ID and the birth date of the n-th person of Cairo (01 + 40); all are men."""
    day, serial = divmod(n, 4500)
    born = _FIRST_DAY + timedelta(days=day % 18000)
    thirteen = f"2{born:%y%m%d}41{serial * 2 + 1001}"
    return thirteen + check_digit(thirteen), born


def notification(n: int, prefix: str = "B") -> bytes:
    """Return the n-th death notification of the health offices, as one line of NDJSON: 1 KiB once canonical."""
    national_id, born = person(n)
    return (_NOTIFICATION % (prefix, n, national_id, f"{born:%d/%m/%Y}", _REMARK)).encode()


_NOTIFICATION = (
    '{"notification_no":"%s-%08d","action":"NEW","office":{"code":"HO-1203","governorate":"القاهرة"},'
    '"deceased":{"national_id":"%s","name":"محمد أحمد عبد الرحمن حسن","mother_name":"فاطمة محمود السيد",'
    '"birth_date":"%s","gender":"ذكر"},"death":{"date":"02/06/2026","time":"14:35","governorate":"القاهرة"},'
    '"notified_on":"03/06/2026","remarks":"%s"}\n'
)
