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
 * What was last sent with each `Idempotency-Key`, so that another request with the same key is refused before any of
 * its lines is sent. The chat itself refuses a line whose label it knows with another text, also after a restart, but
 * then it has already accepted lines before that one.
 */
export class IdempotencyKeys {
  /** For each account, a hash of the request by that of the login and the key; the oldest first. */
  private readonly byAccount = new Map<string, Map<string, string>>()
  private size = 0

  /** @param maxKeys keys that are remembered; of more, the oldest of the account with the most is forgotten */
  constructor(private readonly maxKeys: number) {}

  /** Remembers the request. False if another one had its key. */
  take({ head, key, login, texts }: KeyedRequest): boolean {
    const [account = ""] = login.trim().split("/")
    const requests = this.byAccount.get(account) ?? new Map<string, string>()
    const id = hashOf(login, key)
    const request = hashOf(head, ...texts)
    const known = requests.get(id)
    if (known !== undefined) return known === request
    this.byAccount.set(account, requests.set(id, request))
    this.size += 1
    if (this.size > this.maxKeys) this.forgetOne()
    return true
  }

  /** Of the account with the most keys: one account cannot make the server forget those of all others. */
  private forgetOne() {
    let [account, requests] = ["", new Map<string, string>()]
    for (const [one, its] of this.byAccount) if (its.size > requests.size) [account, requests] = [one, its]
    const [oldest] = requests.keys()
    if (oldest !== undefined && requests.delete(oldest)) this.size -= 1
    if (requests.size === 0) this.byAccount.delete(account)
  }
}

/** None of the parts contains an LF. */
const hashOf = (...parts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part).update("\n")
  return hash.digest("base64")
}
