"""What click itself complains of, in Arabic: a missing option, a value that is none, a file that is not there.

click has its own texts put together before anybody can ask for others, so they are known here by their form. A text
that is not of a known form, such as what a command says itself, stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import click

from contracts.kit.screen import aside, isolated
from contracts.kit.words import Language

_TEXTS = {
    # The whole of a complaint; a {message} is looked for here again.
    "Invalid value for {hint}: {message}": "قيمة غير صالحة في {hint}: {message}",
    "Invalid value: {message}": "قيمة غير صالحة: {message}",
    "Missing option {name}. Choose from:\n\t{choices}": "الخيار {name} لازم، وقيمته إحدى هذه:\n\t{choices}",
    "Missing argument {name}. Choose from:\n\t{choices}": "المعطى {name} لازم، وقيمته إحدى هذه:\n\t{choices}",
    "Missing option {name}.": "الخيار {name} لازم",
    "Missing argument {name}.": "المعطى {name} لازم",
    "Missing command.": "ينقص اسم الأمر",
    "{message} Did you mean {name}?": "{message}؛ لعلك تقصد {name}",
    "{message} (Did you mean one of: {names}?)": "{message}؛ لعلك تقصد أحد هذه: {names}",
    "No such option {name}.": "لا يوجد خيار باسم {name}",
    "No such command {name}.": "لا يوجد أمر باسم {name}",
    "Option {name} requires an argument.": "الخيار {name} يحتاج إلى قيمة",
    "Option {name} requires {count} arguments.": "الخيار {name} يحتاج إلى قيم، عددها {count}",
    "Option {name} does not take a value.": "الخيار {name} لا يقبل قيمة",
    "Argument {name} takes {count} values.": "المعطى {name} يأخذ قيمًا عددها {count}",
    "Got unexpected extra argument ({names})": "معطى زائد: {names}",
    "Got unexpected extra arguments ({names})": "معطيات زائدة: {names}",
    "Could not open file {name}: {reason}": "تعذّر فتح الملف {name} ({reason})",
    # What is wrong with a value.
    "{value} is not one of {choices}.": "{value} ليست إحدى هذه: {choices}",
    "{value} is not a valid integer.": "{value} ليست عددًا صحيحًا",
    "{value} is not a valid integer range.": "{value} ليست عددًا صحيحًا",
    "{value} is not a valid float.": "{value} ليست عددًا",
    "{value} is not a valid float range.": "{value} ليست عددًا",
    "{value} is not in the range {range}.": "{value} خارج النطاق {range}",
    "{value} does not match the format {format}.": "{value} ليست على الصورة {format}",
    "{value} does not match the formats {formats}.": "{value} ليست على إحدى هذه الصور: {formats}",
    "File {name} does not exist.": "لا يوجد ملف باسم {name}",
    "Directory {name} does not exist.": "لا يوجد مجلد باسم {name}",
    "Path {name} does not exist.": "لا يوجد مسار باسم {name}",
    "{kind} {name} is a file.": "{name} ملف، والمطلوب مجلد",
    "{kind} {name} is a directory.": "{name} مجلد، والمطلوب ملف",
    "{kind} {name} is not readable.": "لا يمكن قراءة {name}",
    "{kind} {name} is not writable.": "لا تمكن الكتابة في {name}",
    "{name}: No such file or directory": "لا يوجد ملف باسم {name}",
    "{name}: Is a directory": "{name} مجلد، والمطلوب ملف",
    "{name}: Permission denied": "لا يمكن فتح {name}",
    # Our own, about the name of an agency.
    "2 to 31 small letters, digits and hyphens": "من حرفين إلى 31 من الأحرف اللاتينية الصغيرة والأرقام والشرطات",
}


def _form(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)


_FORMS = tuple((_form(english), arabic) for english, arabic in _TEXTS.items())


def arabic(message: str) -> str:
    """Return one of click's complaints in Arabic, or a text that is none as it is."""
    for form, text in _FORMS:
        found = form.fullmatch(message)
        if found is not None:
            words = found.groupdict()
            if "message" in words:
                words["message"] = arabic(words["message"])
            return text.format_map(words)
    return message


def of_environment() -> Language:
    """Return the language that the environment asks for."""
    return "ar" if os.environ.get("LANG", "").startswith("ar") else "en"


def asked_for(arguments: Sequence[str]) -> Language:
    """Return the language that a command line asks for, before it is known whether anything else in it is right."""
    words = " ".join(arguments)
    asked = re.findall(r"(?:^|\s)--lang[ =](ar|en)\b", words)
    return asked[-1] if asked else of_environment()


class InArabic(click.ClickException):
    """A complaint that is shown in Arabic, with what click shows around it."""

    def __init__(self, error: click.ClickException) -> None:
        said = error.format_message()
        text = arabic(said)
        super().__init__(said if text == said else isolated(text))  # a command isolates what it says itself
        self.exit_code = error.exit_code  # type: ignore[misc]  # click's own are of a class
        self._context = error.ctx if isinstance(error, click.UsageError) else None

    def show(self, file: IO[str] | None = None) -> None:
        """Say it, and how the command is used."""
        if self._context is not None:
            usage = self._context.get_usage().removeprefix("Usage: ")
            click.echo(f"الاستعمال: {aside(usage)}", file=file, err=True)
            click.echo(f"للمساعدة: {aside(f'{self._context.command_path} --help')}\n", file=file, err=True)
        click.echo(f"خطأ: {self.message}", file=file, err=True)


@contextmanager
def spoken(language: Language) -> Iterator[None]:
    """Have what goes wrong in the block said in a language."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # no complaint: it shows the command's help
    except click.ClickException as error:
        if language == "en" or isinstance(error, InArabic):
            raise
        raise InArabic(error) from error
