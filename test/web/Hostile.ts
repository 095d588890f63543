/** Names that a server accepts, and that a careless page would be damaged by. */
export const hostileNames = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "null",
  "undefined",
  "עברית",
  "عربي",
  "नमस्ते",
  "Ｗide",
  `a${"\u0301".repeat(30)}`,
  "a\u200db".replace("\u200d", ""),
  "W".repeat(32)
]

/** Texts that would run, or break the layout, if they were not shown as text. */
export const hostileTexts = [
  "<script>globalThis.pwned = 1</script>",
  "<img src=x onerror='globalThis.pwned = 1'>",
  "<style>*{display:none}</style>",
  "<iframe src='javascript:globalThis.pwned=1'></iframe>",
  "javascript:globalThis.pwned=1",
  "data:text/html,<script>globalThis.pwned=1</script>",
  'https://example.org/"onmouseover="globalThis.pwned=1',
  "https://example.org/<script>globalThis.pwned=1</script>",
  "http://user:password@example.org/ http://[::1]/ http://xn--80ak6aa92e.com/",
  "https://example.org/\u202egpj.exe",
  "{{constructor.constructor('globalThis.pwned=1')()}}",
  "${globalThis.pwned=1}",
  "&lt;b&gt; &amp; &#x3c;",
  "\u202eright to left override\u202c",
  "\u2066isolate without an end",
  `zalgo ${"h\u0300\u0301\u0302\u0303\u0304\u0305".repeat(40)}`,
  `long ${"x".repeat(20_000)}`,
  `wide ${"\ufdfd".repeat(500)}`,
  "😀".repeat(500),
  "\u200b\u200c\u200d\ufeff.",
  "]]>--><!--",
  "'; drop table lines; --",
  "<svg><animate onbegin=globalThis.pwned=1 attributeName=x dur=1s>",
  "<a href='https://example.org'>not a link</a>"
]
