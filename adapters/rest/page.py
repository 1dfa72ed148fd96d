"""The page a developer at an agency reads: what may be sent, how it is answered, in English and Arabic.

One document without scripts and without anything fetched from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gateway.doors import Published

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)

_STYLE = """
body{font:16px/1.6 system-ui,'Segoe UI',Tahoma,sans-serif;color:#1b1b1b}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.25}section{border-top:1px solid #ccc;padding-top:1rem;margin-top:2rem}
code,pre{font:14px/1.5 ui-monospace,Consolas,monospace;direction:ltr;unicode-bidi:isolate}
pre{background:#f5f5f2;padding:.8rem;overflow:auto;text-align:left}code{background:#f5f5f2;padding:0 .2rem}
[dir=rtl]{text-align:right}
"""

_INTRODUCTION = """
<p>Send records with <code>POST /v1/&lt;contract&gt;/records</code>. An <code>accepted</code> record
is logged, sealed and stored; its receipt proves that, offline. The same record sent again is a
<code>duplicate</code> and changes nothing, so when in doubt send again. A <code>refused</code>
record names the code, the field and the rule; its neighbours are not affected. The exact form of
everything is in <a href="/openapi.json">openapi.json</a>.</p>
<div dir="rtl" lang="ar"><p>أرسل السجلات بالطلب <code>POST /v1/&lt;contract&gt;/records</code>.
السجل المقبول <code>accepted</code> مقيّد ومختوم ومحفوظ، وإيصاله يثبت ذلك دون اتصال. إعادة إرسال
السجل نفسه تُعد مكررة <code>duplicate</code> ولا تغيّر شيئًا، فعند الشك أعد الإرسال. السجل المرفوض
<code>refused</code> يذكر الرمز والحقل والقاعدة، ولا يؤثر في غيره. الصيغة الدقيقة لكل شيء في <a
href="/openapi.json">openapi.json</a>.</p></div>
"""


def page(agency: str, published: Sequence[Published]) -> str:
    """Return the page for one agency, HTML in UTF-8."""
    sections = "".join(_section(one) for one in published)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Isnad · إسناد</title><style>{_STYLE}</style></head><body>"
        f"<h1>Isnad · <bdi>إسناد</bdi>: <bdi>{escape(agency)}</bdi></h1>"
        f"{_INTRODUCTION}{sections}</body></html>"
    )


def _section(one: Published) -> str:
    examples = "".join(
        f"<p><code>{escape(kind)}</code></p><pre>{escape(text)}</pre>" for kind, text in one.examples.items()
    )
    return (
        f'<section id="{escape(one.contract)}"><h2>{escape(one.title_en)} · '
        f'<bdi lang="ar">{escape(one.title_ar)}</bdi></h2>'
        f"<p><code>POST /v1/{escape(one.contract)}/records</code></p>"
        f"<p>{escape(one.description_en)}</p>"
        f'<p dir="rtl" lang="ar">{escape(one.description_ar)}</p>{examples}</section>'
    )
