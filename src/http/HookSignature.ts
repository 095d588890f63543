import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import type { HookKind } from "./HookKind.js"

/**
 * The signatures of webhooks: HMAC-SHA256 over the body, and over what stands before it. Each sender has a form of its
 * own, and every sender may sign as GitHub does.
 */
interface Form {
  readonly header: string
  /** The signatures in the value of the header: several while the sender changes its key. */
  readonly signaturesIn: (value: string) => ReadonlyArray<Buffer>
  /** What is signed before the body; undefined if the headers that are signed are wrong. */
  readonly before: (headers: IncomingHttpHeaders, body: Buffer) => string | undefined
  /** The header with the time of the delivery, which is signed, in seconds since 1970. */
  readonly timestamp?: string
}

/** A delivery that is older than this, or as far in the future, may be one that was read and is sent again; seconds. */
const maxAge = 300

const hexIn = (pattern: RegExp) => (value: string) => [Buffer.from(pattern.exec(value)?.[1] ?? "", "hex")]

/** That of GitHub, which Gitea and Forgejo send as well. */
const hub: Form = {
  header: "x-hub-signature-256",
  signaturesIn: hexIn(/^sha256=([\da-f]{64})$/iu),
  before: () => ""
}

const grafanaTimestamp = "x-grafana-alerting-timestamp"

const forms: Partial<Record<HookKind, Form>> = {
  /** Since Grafana 12. The header for the timestamp is configured there: without it, only the body is signed. */
  grafana: {
    header: "x-grafana-alerting-signature",
    signaturesIn: hexIn(/^([\da-f]{64})$/iu),
    before: (headers, body) => {
      const timestamp = headers[grafanaTimestamp]
      // Otherwise an old timestamp could be sent as the beginning of the body, where no age counts.
      if (timestamp === undefined) return /^\d+:/u.test(body.toString("latin1", 0, 32)) ? undefined : ""
      return typeof timestamp === "string" && /^\d+$/u.test(timestamp) ? `${timestamp}:` : undefined
    },
    timestamp: grafanaTimestamp
  },
  /** That of standardwebhooks.com, which GitLab sends if the hook has a signing token. */
  gitlab: {
    header: "webhook-signature",
    signaturesIn: (value) =>
      Array.from(value.matchAll(/(?<=^| )v1,([A-Za-z\d+/]{43}=)(?= |$)/gu), ([, text = ""]) =>
        Buffer.from(text, "base64")
      ),
    before: (headers) => {
      const [id, timestamp] = [textIn(headers, "webhook-id"), textIn(headers, "webhook-timestamp")]
      // Otherwise the beginning of a body could be sent as the end of a timestamp.
      return id !== undefined && /^\d+$/u.test(timestamp ?? "") ? `${id}.${timestamp}.` : undefined
    },
    timestamp: "webhook-timestamp"
  }
}

const textIn = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}

/** A secret of this form is the key in Base64 (standardwebhooks.com). GitLab takes only such ones to sign with. */
const keyPrefix = "whsec_"

const keyOf = (secret: string): Buffer =>
  secret.startsWith(keyPrefix) ? Buffer.from(secret.slice(keyPrefix.length), "base64") : Buffer.from(secret)

/** A new secret to sign with; undefined if that of any hook will do. */
export const newSecret = (kind: HookKind): string | undefined =>
  kind === "gitlab" ? `${keyPrefix}${randomBytes(32).toString("base64")}` : undefined

/**
 * Whether the secret has signed the request, and not long ago if the sender signs its time. Takes the same time whether
 * it has or not, and for each kind.
 */
export const isSigned = (kind: HookKind, secret: string, headers: IncomingHttpHeaders, body: Buffer): boolean => {
  const own = forms[kind]
  const form = own !== undefined && own.header in headers ? own : hub
  const given = form.signaturesIn(textIn(headers, form.header) ?? "")
  const before = form.before(headers, body)
  const timestamp = form.timestamp === undefined ? undefined : headers[form.timestamp]
  const isOld = timestamp !== undefined && !(Math.abs(Date.now() / 1_000 - Number(timestamp)) <= maxAge)
  const expected = createHmac("sha256", keyOf(secret))
    .update(before ?? "")
    .update(body)
    .digest()
  const isSame = given.some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  return before !== undefined && isSame && !isOld
}
