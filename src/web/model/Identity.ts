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

const parse = (text: string | undefined): Identity | undefined => {
  const { device, name, token } = fieldsOf(parseJson(text))
  return typeof name === "string" && name !== ""
    ? { name, device: stringIn(device), token: stringIn(token) }
    : undefined
}

/**
 * Where a browser keeps who uses it: each tab its own, and the last one of all tabs, with which a new tab begins.
 */
export class Identities {
  constructor(
    private readonly tab: Memory,
    private readonly browser: Memory
  ) {}

  get current(): Identity | undefined {
    return parse(this.tab.read(key)) ?? parse(this.browser.read(key))
  }

  use(identity: Identity): void {
    const text = JSON.stringify(identity)
    this.tab.write(key, text)
    this.browser.write(key, text)
  }

  /** Logs out: the token is gone. */
  forget({ name }: Identity): void {
    this.tab.write(key, undefined)
    if (parse(this.browser.read(key))?.name === name) this.browser.write(key, undefined)
  }
}
