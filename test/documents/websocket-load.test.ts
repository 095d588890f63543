import { assert, describe, it } from "@effect/vitest"
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { WebSocket } from "ws"
import { WebSocketDecoder } from "../../src/transport/WebSocketDecoder.js"
import { freePort } from "../support/FreePort.js"

/** The generator and the relay of the benchmark's table --web. The scripts are plain JavaScript without types. */

const script = (name: string) => new URL(`../../scripts/${name}`, import.meta.url)
const load = (name: string): Promise<unknown> => import(script(name).href) as Promise<unknown>

interface Ring {
  readonly bytes: Buffer
  readonly length: number
}
const { ringOf, textOf, wires } = (await load("bench/wire.mjs")) as {
  readonly ringOf: (count: number, more: number, lineOf: (sequence: number) => string) => Ring
  readonly textOf: (sender: number, sequence: number, load: { readonly size: number }) => string
  readonly wires: Readonly<Record<string, { readonly send: (names: ReadonlyArray<string>, text: string) => string }>>
}
const { framesOf } = (await load("bench/websocket.mjs")) as {
  readonly framesOf: (ring: Ring, isSingle: boolean) => (from: number, count: number) => Buffer
}

describe("The frames of the benchmark's generator", () => {
  it.each([
    ["with several lines", false, 32],
    ["with one line", true, 32],
    ["with several long lines", false, 1025],
    ["with one long line", true, 1025]
  ])("are valid from any line on: %s", (_, isSingle, size) => {
    const ring = ringOf(1024, 600, (sequence) => wires["a-chat"]?.send(["p00001"], textOf(0, sequence, { size })) ?? "")
    const frames = framesOf(ring, isSingle)
    for (const [from, count] of [
      [0, 1],
      [1, 1],
      [2, 7],
      [3, 500],
      [1023, 600]
    ] as const) {
      const decoder = new WebSocketDecoder(100_000)
      const lines = ring.bytes.subarray(from * ring.length, (from + count) * ring.length)
      assert.isTrue(lines.equals(decoder.decode(Buffer.from(frames(from, count)))), `${count} from ${from}`)
    }
  })
})

describe("The benchmark's relay with ws", () => {
  let address = ""
  let relay: ChildProcess | undefined = undefined

  beforeAll(async () => {
    const port = await freePort()
    const child = spawn(process.execPath, [fileURLToPath(script("bench/relay.mjs")), String(port)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    relay = child
    await once(child.stdout, "data")
    address = `ws://127.0.0.1:${port}/chat`
  })

  afterAll(() => {
    relay?.kill()
  })

  const client = async (name: string) => {
    const socket = new WebSocket(address)
    let text = ""
    socket.on("message", (message: Buffer) => (text += message.toString()))
    await once(socket, "open")
    socket.send(`${name}\n${name}: ready`)
    const until = async (end: string) => {
      while (!text.endsWith(end)) await once(socket, "message")
      return text
    }
    return { socket, until }
  }

  it("passes lines on, with one or several in a message", async () => {
    const [alice, bob] = [await client("alice"), await client("bob")]
    await bob.until("from bob: ready\n")
    alice.socket.send("bob: one")
    alice.socket.send("bob: two\nbob, alice: é\n")
    assert.strictEqual(await bob.until("é\n"), "from bob: ready\nfrom alice: one\nfrom alice: two\nfrom alice: é\n")
    assert.strictEqual(await alice.until("é\n"), "from alice: ready\nfrom alice: é\n")
    for (const { socket } of [alice, bob]) socket.close()
  })

  it("checks names, recipients, the lengths of lines, and UTF-8", async () => {
    const carol = await client("carol")
    carol.socket.send("nobody: hi")
    await carol.until("! no-recipient: nobody is not here\n")
    carol.socket.send(`carol: ${"x".repeat(65_536)}`)
    await carol.until("! too-long: the line is too long\n")
    const again = await client("carol")
    await again.until("! name-taken fatal: the name is taken\n")
    const nameless = await client("not a name")
    await nameless.until("! bad-name fatal: not a name\n")
    const closed = once(carol.socket, "close")
    carol.socket.send(Buffer.from([0xc3, 0x28]), { binary: false })
    assert.strictEqual((await closed)[0], 1007)
  })

  it("stops reading a sender whose recipient does not read, and continues when it does", async () => {
    const [sender, reader] = [await client("sender"), await client("reader")]
    await reader.until("from reader: ready\n")
    reader.socket.pause()
    const line = `reader: ${"x".repeat(60_000)}\n`
    let sent = 0
    // More than the kernel and the relay take together.
    while (sender.socket.bufferedAmount < 10_000_000) {
      sender.socket.send(line)
      sent += 1
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const all = new Promise<number>((resolve) => {
      let received = 0
      reader.socket.on("message", (message: Buffer) => {
        received += message.toString().split("\n").length - 1
        if (received >= sent) resolve(received)
      })
    })
    reader.socket.resume()
    assert.strictEqual(await all, sent)
    for (const { socket } of [sender, reader]) socket.close()
  })
})
