import { assert, describe, it } from "@effect/vitest"
import { NatsConnection, type NatsDriver } from "../../src/cluster/NatsConnection.js"

/** A client of the driver that answers every ping at once, until it is closed or lost. */
class FakeClient {
  isClosed = false
  pings = 0
  private end = () => {}
  private readonly ended = new Promise<void>((resolve) => (this.end = resolve))

  closed() {
    return this.ended
  }

  flush() {
    this.pings += 1
    return Promise.resolve()
  }

  close() {
    this.isClosed = true
    this.end()
    return Promise.resolve()
  }
}

/** Servers that can be stopped: attempts to connect wait then. */
const servers = () => {
  const clients: Array<FakeClient> = []
  let waiting: Array<() => void> = []
  let isStopped = false
  const connect = async () => {
    if (isStopped) await new Promise<void>((resolve) => waiting.push(resolve))
    const client = new FakeClient()
    clients.push(client)
    return client
  }
  return {
    clients,
    attempts: () => waiting.length,
    stop: () => void (isStopped = true),
    goOn: () => {
      isStopped = false
      for (const go of waiting) go()
      waiting = []
    },
    driver: { connect } as unknown as NatsDriver // the only function that a connection without users calls
  }
}

const pingMillis = 5

const connecting = async (run: (connection: NatsConnection, seen: Array<string>) => Promise<void>, of: NatsDriver) => {
  const connection = new NatsConnection(of, { connect: {}, pingMillis, maxUnconfirmedBytes: 1e6, minPayload: 1 })
  const seen: Array<string> = []
  connection.use({ up: () => void seen.push("up"), down: () => void seen.push("down") })
  try {
    await run(connection, seen)
  } finally {
    await connection.close()
  }
}

/** Until everything has run that waits for nothing. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Until a client was asked so many times, or is closed. */
const pinged = async (client: FakeClient | undefined, times: number) => {
  const isOver = () => client === undefined || client.isClosed || client.pings >= times
  // oxlint-disable-next-line no-await-in-loop -- one turn after the other
  while (!isOver()) await turn()
}

describe("NatsConnection", () => {
  it("makes one client, and keeps it, when it is opened while it reconnects by itself", async () => {
    const { attempts, clients, driver, goOn, stop } = servers()
    await connecting(async (connection, seen) => {
      await connection.open()
      stop()
      await clients[0]?.close()
      await turn()
      assert.strictEqual(attempts(), 1)
      const second = connection.open()
      await turn()
      assert.strictEqual(attempts(), 1)
      goOn()
      await second
      // A connection whose pings are not counted is given up after four.
      await pinged(clients[1], 12)
      assert.deepStrictEqual(seen, ["up", "down", "up"])
      assert.deepStrictEqual(
        clients.map(({ isClosed }) => isClosed),
        [true, false]
      )
    }, driver)
  })

  it("keeps the client that it has when it is opened again", async () => {
    const { clients, driver } = servers()
    await connecting(async (connection, seen) => {
      await Promise.all([connection.open(), connection.open()])
      await connection.open()
      assert.deepStrictEqual([clients.length, seen], [1, ["up"]])
    }, driver)
  })

  it("closes a client that connects after the connection was closed", async () => {
    const { clients, driver, goOn, stop } = servers()
    await connecting(async (connection, seen) => {
      stop()
      const failure = connection.open().then(
        () => "opened",
        (error: Error) => error.message
      )
      await turn()
      await connection.close()
      goOn()
      assert.strictEqual(await failure, "the engine cannot be reached")
      assert.deepStrictEqual([clients.map(({ isClosed }) => isClosed), seen], [[true], []])
    }, driver)
  })
})
