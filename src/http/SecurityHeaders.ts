/** Headers of every response: nothing loaded from other sites, no embedding in other pages, no guessed types. */
export const always = {
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
} as const

/** A Content-Security-Policy that allows these sources and nothing else. */
const policy = (sources: string) =>
  `default-src 'none'; ${sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** For the admin page. */
export const adminPolicy = policy("script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:")

/**
 * For the page of the chat. No script may turn a text into HTML or code (Trusted Types). The policy `a-chat` allows the
 * address of the service worker, and nothing else.
 */
export const pagePolicy = policy(
  "script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; manifest-src 'self'; " +
    "worker-src 'self'; require-trusted-types-for 'script'; trusted-types a-chat"
)
