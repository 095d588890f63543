import { fieldsOf, type Memory, parseJson, stringIn } from "./Ports.js"

/** Who uses the page. */
export interface Identity {
  readonly name: string
  /** The device of the account that this browser is; undefined for a guest. */
  readonly device?: string | undefined
  /** The token of this device. A password is never kept. */
  readonly token?: string | undefined
}

const key = "a-chat.identity"

const tokenKey = (name: string): string => `a-chat.token.${name}`

const parse = (text: string | undefined): Identity | undefined => {
  const { device, name } = fieldsOf(parseJson(text))
  return typeof name === "string" && name !== "" ? { name, device: stringIn(device) } : undefined
}

/**
 * Where a browser keeps who uses it: each tab its own user, and the last one of all tabs, with which a new tab begins.
 * Tokens are kept once for all tabs. When one tab logs out, no other has the token any more.
 */
export class Identities {
  constructor(
    private readonly tab: Memory,
    private readonly browser: Memory
  ) {}

  /** The user of this tab; undefined if there is none, or if another tab has logged out. */
  get current(): Identity | undefined {
    const known = this.known
    return known === undefined ? undefined : this.withToken(known)
  }

  /** The same, logged in or not. */
  get known(): Identity | undefined {
    return parse(this.tab.read(key)) ?? parse(this.browser.read(key))
  }

  /** The user with the token that the browser has now; undefined if it has none. A guest needs none. */
  withToken({ device, name }: Identity): Identity | undefined {
    if (device === undefined) return { name }
    const kept = fieldsOf(parseJson(this.browser.read(tokenKey(name))))
    const token = stringIn(kept["token"])
    return token === undefined ? undefined : { name, device: stringIn(kept["device"]) ?? device, token }
  }

  use({ device, name, token }: Identity): void {
    if (token !== undefined) this.browser.write(tokenKey(name), JSON.stringify({ device, token }))
    const text = JSON.stringify({ name, device })
    this.tab.write(key, text)
    this.browser.write(key, text)
  }

  /** Logs out: the token is gone. */
  forget({ name }: Identity): void {
    this.tab.write(key, undefined)
    this.browser.write(tokenKey(name), undefined)
    if (parse(this.browser.read(key))?.name === name) this.browser.write(key, undefined)
  }
}
