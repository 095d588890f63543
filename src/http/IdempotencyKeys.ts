import { createHash } from "node:crypto"

/** A request with an `Idempotency-Key`. */
export interface KeyedRequest {
  readonly login: string
  readonly key: string
  /** The recipients in wire form. */
  readonly head: string
  readonly texts: ReadonlyArray<string>
}

/**
 * What was last sent with each `Idempotency-Key`, so that another request with the same key is refused before any of its
 * lines is sent. The chat itself refuses a line whose label it knows with another text, also after a restart, but by then
 * it has accepted lines before that one.
 */
export class IdempotencyKeys {
  /** A hash of the request, by that of the login and the key; the oldest first. */
  private readonly requests = new Map<string, string>()

  /** @param maxKeys keys that are remembered; of more, the oldest is forgotten */
  constructor(private readonly maxKeys: number) {}

  /** Remembers the request. False if another one had its key. */
  take({ head, key, login, texts }: KeyedRequest): boolean {
    const id = hashOf(login, key)
    const request = hashOf(head, ...texts)
    const known = this.requests.get(id)
    if (known !== undefined) return known === request
    this.requests.set(id, request)
    const [oldest] = this.requests.keys()
    if (this.requests.size > this.maxKeys && oldest !== undefined) this.requests.delete(oldest)
    return true
  }
}

/** None of the parts contains an LF. */
const hashOf = (...parts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part).update("\n")
  return hash.digest("base64")
}
