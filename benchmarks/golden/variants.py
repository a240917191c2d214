"""The variants that are compared on golden pairs."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.golden.models import Shape

#: Further features of a pair for the heads, in order; a variant reads the first of them. All are cosines or shares.
EXTRAS = (
    "minilm rubric", "minilm title_rest", "overlap", "minilm cosine",
    "mpnet cosine", "mpnet title_rest", "mpnet rubric",
)  # fmt: skip

_STUDENT = Shape()
_TEACHER = Shape(encoder="mpnet", joint=2, frozen=0, deep=True, steps=150, rate=2e-5, average=0.6, swap=True)

VARIANTS = {
    "student": _STUDENT,  # as the profile `labels` trains it
    "student averaged": replace(_STUDENT, average=0.6),
    "student averaged ranked": replace(_STUDENT, average=0.6, ranked=1.0),
    "student averaged swapped": replace(_STUDENT, average=0.6, swap=True),
    "student rubric inside": replace(_STUDENT, average=0.6, extras=3),
    "student two cosines": replace(_STUDENT, average=0.6, extras=7),
    "student trained whole": replace(_STUDENT, average=0.6, frozen=0, steps=200, rate=3e-5, swap=True),
    "student whole ranked": replace(_STUDENT, average=0.6, frozen=0, steps=200, rate=3e-5, swap=True, ranked=1.0),
    "mpnet teacher": _TEACHER,
    "mpnet teacher ranked": replace(_TEACHER, ranked=1.0),
    "mpnet teacher rubric inside": replace(_TEACHER, extras=3),
    "mpnet teacher frozen 8": replace(_TEACHER, frozen=8, rate=5e-5),
    "student adapted": replace(_STUDENT, average=0.6, adapted=200),
    "mpnet teacher adapted": replace(_TEACHER, adapted=200),
    "distilled from mpnet": replace(_STUDENT, average=0.6, frozen=0, steps=300, labels=0, pool=64),
    "distilled from both": replace(_STUDENT, average=0.6, frozen=0, steps=300, labels=0, pool=64),
    "distilled and labels": replace(_STUDENT, average=0.6, frozen=0, steps=300, labels=16, given=1.0, pool=48),
}

#: Whose logits a variant learns from: their mean.
TEACHERS = {
    "distilled from mpnet": ("mpnet teacher",),
    "distilled from both": ("mpnet teacher rubric inside", "student rubric inside"),
    "distilled and labels": ("mpnet teacher rubric inside", "student rubric inside"),
}

#: Sums of scores, all from 0 to 4.
SUMS = {
    "student + rubric": ("student", "minilm rubric"),
    "student averaged + rubric": ("student averaged", "minilm rubric"),
    "student averaged swapped + rubric": ("student averaged swapped", "minilm rubric"),
    "student trained whole + rubric": ("student trained whole", "minilm rubric"),
    "student whole ranked + rubric": ("student whole ranked", "minilm rubric"),
    "student averaged ranked + rubric": ("student averaged ranked", "minilm rubric"),
    "student rubric inside + rubric": ("student rubric inside", "minilm rubric"),
    "mpnet teacher + rubric": ("mpnet teacher", "minilm rubric"),
    "mpnet teacher ranked + rubric": ("mpnet teacher ranked", "minilm rubric"),
    "mpnet teacher rubric inside + rubric": ("mpnet teacher rubric inside", "minilm rubric"),
    "mpnet teacher + student + rubric": ("mpnet teacher", "student averaged", "minilm rubric"),
    "distilled from both + rubric": ("distilled from both", "minilm rubric"),
    "distilled and labels + rubric": ("distilled and labels", "minilm rubric"),
    "distilled from mpnet + rubric": ("distilled from mpnet", "minilm rubric"),
}
