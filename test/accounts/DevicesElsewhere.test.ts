import { assert, describe, it } from "vitest"
import { DevicesElsewhere } from "../../src/accounts/DevicesElsewhere.js"
import { Device } from "../../src/chat/Device.js"
import type { OtherServer, OtherServersEvents, ServerMessage } from "../../src/ports/OtherServers.js"
import { alone } from "../../src/ports/OtherServers.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"

/** A server among others, which the test plays. */
class Among {
  readonly all: Array<OtherServer> = []
  readonly known: Array<string> = []
  private readonly sent: Array<readonly [message: ServerMessage, to: OtherServer]> = []
  private readonly due: Array<() => void> = []
  private events: OtherServersEvents = {}
  readonly devices: DevicesElsewhere

  constructor() {
    this.devices = new DevicesElsewhere({
      ...alone,
      self: "a",
      all: this.all,
      part: (_name, events) => {
        this.events = events
        return {
          send: (message, to) =>
            void this.sent.push(...(to ? [to] : this.all).map((server) => [message, server] as const)),
          mustWait: () => false
        }
      }
    })
    this.devices.start({ atEnd: (run) => this.due.push(run), elsewhere: () => {} })
    this.devices.whenKnown(({ device }) => this.known.push(device))
  }

  appears(name: string): OtherServer {
    const server = { id: name, name }
    this.all.push(server)
    this.events.appeared?.(server)
    return server
  }

  lost(server: OtherServer) {
    this.all.splice(this.all.indexOf(server), 1)
    this.events.lost?.(server)
  }

  logsIn(device: string) {
    this.devices.came(new Device({ id: 1 as AccountId, name: "alice" }, device, "token"))
    for (const run of this.due.splice(0)) run()
  }

  /** The server confirms everything that was sent to it. */
  confirms(server: OtherServer) {
    const messages = this.sent.filter(([, to]) => to === server)
    for (const message of messages) {
      this.sent.splice(this.sent.indexOf(message), 1)
      const [what, number] = message[0] as ReadonlyArray<ServerMessage>
      if (what === "came") this.events.received?.(server, ["known", number ?? 0])
    }
  }

  get newlyKnown(): ReadonlyArray<string> {
    return this.known.splice(0)
  }
}

describe("DevicesElsewhere", () => {
  it("waits until all other servers know a device", () => {
    const here = new Among()
    const [b, c] = [here.appears("b"), here.appears("c")]
    here.logsIn("phone")
    here.confirms(b)
    assert.deepStrictEqual(here.newlyKnown, [])
    here.confirms(c)
    assert.deepStrictEqual(here.newlyKnown, ["phone"])
  })

  it("does not wait for servers that knew a device before another one appeared", () => {
    const here = new Among()
    const [b, c] = [here.appears("b"), here.appears("c")]
    here.logsIn("phone")
    for (const server of [b, c]) here.confirms(server)
    assert.deepStrictEqual(here.newlyKnown, ["phone"])
    here.lost(c)
    const again = here.appears("c")
    assert.deepStrictEqual(here.newlyKnown, [])
    here.confirms(again)
    assert.deepStrictEqual(here.newlyKnown, ["phone"], "lines that c stored in between are read now")
  })

  it("waits for a server that has yet to confirm an earlier message", () => {
    const here = new Among()
    const b = here.appears("b")
    here.logsIn("phone")
    const c = here.appears("c")
    here.confirms(c)
    assert.deepStrictEqual(here.newlyKnown, [])
    here.logsIn("laptop")
    here.confirms(b)
    assert.deepStrictEqual(here.newlyKnown, ["phone"])
    here.confirms(c)
    assert.deepStrictEqual(here.newlyKnown, ["laptop"])
  })
})
