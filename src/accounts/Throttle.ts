/** How many wrong passwords are free for each account and address, because people mistype. */
export const freeMistakes = 5

const firstWaitMillis = 1_000
const longestWaitMillis = 300_000

/** Mistakes are forgotten once there was no new one for this long. */
const forgottenAfterMillis = 3_600_000

/** The most pairs of an account and an address that are remembered, both with mistakes and with right passwords. */
const maxPairs = 10_000

interface Mistakes {
  count: number
  /** No password is checked before this time. */
  waitUntil: number
  last: number
}

/**
 * Slows down attackers who guess passwords. Mistakes count for an account and an address together, because a count for
 * the account alone would let anybody lock out its owner. An address from which the account's password was right is
 * never slowed down.
 */
export class Throttle {
  private readonly mistakes = new Map<string, Mistakes>()
  private readonly familiar = new Set<string>()

  constructor(private readonly now: () => number) {}

  /** Milliseconds until another password for this account from this address is checked; 0 if it is now. */
  wait(account: string, address: string): number {
    const found = this.mistakes.get(keyOf(account, address))
    return found === undefined ? 0 : Math.max(0, Math.ceil(found.waitUntil - this.now()))
  }

  /** Whether a password for this account was right from this address. */
  isFamiliar(account: string, address: string): boolean {
    return this.familiar.has(keyOf(account, address))
  }

  right(account: string, address: string) {
    const key = keyOf(account, address)
    this.mistakes.delete(key)
    this.familiar.delete(key)
    this.familiar.add(key)
    if (this.familiar.size > maxPairs) deleteFirst(this.familiar)
  }

  wrong(account: string, address: string) {
    const key = keyOf(account, address)
    if (this.familiar.has(key)) return
    const now = this.now()
    const before = this.mistakes.get(key)
    const count = before === undefined || now - before.last > forgottenAfterMillis ? 1 : before.count + 1
    const excess = count - freeMistakes
    const waitMillis = excess < 0 ? 0 : Math.min(longestWaitMillis, firstWaitMillis * 2 ** Math.min(excess, 20))
    this.mistakes.delete(key)
    this.mistakes.set(key, { count, waitUntil: now + waitMillis, last: now })
    if (this.mistakes.size > maxPairs) deleteFirst(this.mistakes)
  }
}

const keyOf = (account: string, address: string) => `${address} ${account}`

const deleteFirst = (entries: { readonly keys: () => Iterable<string>; readonly delete: (key: string) => boolean }) => {
  const [first] = entries.keys()
  if (first !== undefined) entries.delete(first)
}
