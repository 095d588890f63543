import { fieldsOf, type TextMemory, parseJson, stringIn } from "./Ports.js"

/** Who uses the page. */
export interface PageUser {
  readonly name: string
  /** The device of the account that this browser is; undefined for a guest. */
  readonly device?: string | undefined
  /** The token of this device. A password is never kept. */
  readonly token?: string | undefined
  /** How often the user had logged out in this browser before this login; not at all if it is undefined. */
  readonly logouts?: number | undefined
}

const key = "a-chat.identity"

const tokenKey = (name: string): string => `a-chat.token.${name}`

const logoutsKey = (name: string): string => `a-chat.logouts.${name}`

const parse = (text: string | undefined): PageUser | undefined => {
  const { device, logouts, name } = fieldsOf(parseJson(text))
  if (typeof name !== "string" || name === "") return undefined
  return { name, device: stringIn(device), logouts: typeof logouts === "number" ? logouts : undefined }
}

/**
 * Where a browser keeps who uses it: each tab its own user, and the last one of all tabs, with which a new tab begins.
 * Tokens are kept once for all tabs. A token can be missing without a logout, such as after it was refused. So each
 * logout is counted: a tab whose login is older than the last one knows that the user has logged out.
 */
export class Identities {
  constructor(
    private readonly tab: TextMemory,
    private readonly browser: TextMemory
  ) {}

  /** The user of this tab; undefined if there is none, if another tab has logged out, or if the token is missing. */
  get current(): PageUser | undefined {
    const known = this.known
    return known === undefined ? undefined : this.withToken(known)
  }

  /** The same, logged in or not. */
  get known(): PageUser | undefined {
    return parse(this.tab.read(key)) ?? parse(this.browser.read(key))
  }

  /**
   * The user with the token that the browser has now. Undefined if it has none, which a guest does not need, or if the
   * user has logged out since.
   */
  withToken(identity: PageUser): PageUser | undefined {
    const { device, logouts, name } = identity
    if (this.hasLoggedOut(identity)) return undefined
    if (device === undefined) return { name, logouts }
    const kept = fieldsOf(parseJson(this.browser.read(tokenKey(name))))
    const token = stringIn(kept["token"])
    return token === undefined ? undefined : { name, device: stringIn(kept["device"]) ?? device, token, logouts }
  }

  /** How often the user has logged out in this browser. */
  logouts(name: string): number {
    return Number(this.browser.read(logoutsKey(name))) || 0
  }

  /** Whether the user has logged out since, in any tab. */
  hasLoggedOut({ logouts = 0, name }: PageUser): boolean {
    return this.logouts(name) > logouts
  }

  use({ device, name, token }: PageUser): void {
    if (token !== undefined) this.browser.write(tokenKey(name), JSON.stringify({ device, token }))
    const text = JSON.stringify({ name, device, logouts: this.logouts(name) })
    this.tab.write(key, text)
    this.browser.write(key, text)
  }

  /** The user has to log in again: the token is gone. */
  forget({ name }: PageUser): void {
    this.forgetTab()
    this.browser.write(tokenKey(name), undefined)
    if (parse(this.browser.read(key))?.name === name) this.browser.write(key, undefined)
  }

  /** The same for this tab only. */
  forgetTab(): void {
    this.tab.write(key, undefined)
  }

  /** The user has logged out. The other tabs learn of it. */
  logOut(identity: PageUser): void {
    this.forget(identity)
    this.browser.write(logoutsKey(identity.name), String(this.logouts(identity.name) + 1))
  }
}
