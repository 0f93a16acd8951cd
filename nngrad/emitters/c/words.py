"""Names that a function or a file of C can't have: they mean something else to the compiler or the linker."""

from __future__ import annotations

import re

from nngrad.emitters.text import identifier, reserved
from nngrad.errors import UsageError

KEYWORDS = reserved(
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "main asm bool true false class new delete this private public protected template namespace using operator try "
    "catch throw typename typeid virtual friend explicit export mutable and or not xor compl bitand bitor and_eq "
    "or_eq xor_eq not_eq alignas alignof nullptr constexpr consteval constinit decltype noexcept concept requires "
    "static_assert thread_local typeof typeof_unqual const_cast static_cast dynamic_cast reinterpret_cast co_await "
    "co_return co_yield char8_t char16_t char32_t wchar_t final override import module std fortran linux unix near "
    "far pascal cdecl"
)
LIBRARY = reserved(
    "exp exp2 expm1 log log2 log10 log1p logb sin cos tan sinh cosh tanh asin acos atan atan2 asinh acosh atanh erf "
    "erfc pow sqrt cbrt fabs fmin fmax fdim fma fmod floor ceil round trunc rint lrint lround llrint llround "
    "nearbyint nextafter nexttoward remainder remquo frexp ldexp ilogb scalbn scalbln modf nan hypot gamma lgamma "
    "tgamma copysign significand drem finite j0 j1 jn y0 y1 yn exp10 pow10 sincos abs labs div ldiv"
)
HOSTED = reserved(  # functions that a linker would take from here, for itself and for the whole program
    "exit abort atexit malloc calloc realloc free rand srand random qsort bsearch system getenv putenv setenv strtod "
    "strtol atof atoi atol printf fprintf sprintf snprintf scanf puts putc putchar getc getchar gets fopen fclose "
    "fread fwrite fflush fseek ftell remove rename perror rewind setbuf tmpfile tmpnam ungetc memcpy memmove memset "
    "memcmp strlen strcpy strcmp strcat strchr strtok index rindex time clock difftime mktime gmtime localtime "
    "strftime signal raise setjmp longjmp read write open close link unlink pipe dup fork exec wait kill pause sleep "
    "sync nice access stat chdir select poll send recv bind listen accept connect socket shutdown environ errno stdin "
    "stdout stderr assert"
)
MACROS = reserved(
    "isnan isinf isfinite isnormal signbit fpclassify NULL NAN INFINITY HUGE_VAL EOF BUFSIZ RAND_MAX DBL_MAX FLT_MAX "
    "DBL_EPSILON FLT_EPSILON I complex imaginary offsetof va_list size_t ptrdiff_t min max mexFunction mxArray mwSize"
)
BESIDE = reserved(
    "differs wrong right_x right_y right_J right_H input outY outJ outH count plhs nlhs prhs nrhs sizeJ sizeH s k i j to kept"
)
RESERVED = (
    KEYWORDS
    | LIBRARY
    | HOSTED
    | MACROS
    | BESIDE  # the names of the self-test and of the gateways
    | {f"{name}{suffix}" for name in LIBRARY for suffix in "fl"}
    | {"x", "y", "J", "H", "v", "all"}
)
FILE = r"[A-Za-z0-9_][A-Za-z0-9 _.+-]*"  # what an #include of ASCII may name
HEADERS = reserved(  # a file of such a name beside the source would be included instead, case aside on some systems
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
    "stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar wchar "
    "wctype malloc memory alloca features endian unistd fcntl windows mex matrix tmwtypes rtwtypes simstruc crtdefs "
    "corecrt vcruntime sal"
)


def refuse_file(file: str, asked: str) -> None:
    """UsageError, with a better name, for a main file whose header could not be included, or would be another one's.

    `asked` is the file as the user named it.
    """
    stem, dot, suffix = file.rpartition(".")
    better = f"take -o {identifier(stem)}{'_net' if stem.lower() in HEADERS else ''}{dot}{suffix}"
    if not re.fullmatch(FILE, stem):
        room = "which has room for letters, digits, . _ + - only"
        raise UsageError(f"{asked}: the source includes a header of this name, {room}; {better}")
    if stem.lower() in HEADERS:
        another = f"{stem}.h would be taken for the one of that name in C's library"
        raise UsageError(f"{asked}: its header {another}; {better}")
