import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { transform } from "esbuild"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import * as Net from "node:net"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import * as Certificates from "../support/Certificates.js"
import * as Documents from "../support/Documents.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as WireClient from "../support/WireClient.js"

const { root } = Documents

const readme = Documents.text("README.md")

/** The part of a code span that begins with `start`. */
const quoted = (start: string) => readme.slice(readme.indexOf(`\`${start}`) + 1).split("`")[0] ?? ""

const examples = Documents.blocks(readme, "ts")

/** The descriptor of a listening socket, which Node does not show. */
const descriptorOf = (opened: Net.Server) =>
  (opened as unknown as { readonly _handle: { readonly fd: number } })._handle.fd

/** Runs an example as a user would, against the built package under its name; it gets the socket as descriptor 3. */
const runExample = async (example: string, opened?: Net.Server) => {
  const folder = await mkdtemp(join(root, "dist", ".readme-"))
  try {
    await mkdir(join(folder, "node_modules"))
    await symlink(root, join(folder, "node_modules/a-chat"))
    const file = join(folder, "example.mjs")
    await writeFile(file, (await transform(example, { loader: "ts" })).code)
    const passed = opened === undefined ? [] : [descriptorOf(opened)]
    const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit", ...passed] })
    opened?.close() // or connections would be accepted here
    const log = await text(child.stdout as Readable)
    return { log, result: JSON.parse(log.trim().split("\n").at(-1) ?? "") as unknown }
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe("The library in README", () => {
  it("has two examples", () => assert.lengthOf(examples, 2))

  it("shows a server and its clients over TCP", async () => {
    const { result } = await runExample(examples[0] ?? "")
    assert.deepInclude(result, {
      first: { _id: "Option", _tag: "Some", value: { _tag: "Message", from: "alice", text: "hi" } }
    })
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
    assert.include(JSON.stringify(result), '{"_tag":"Returned","names":["carol"],"reason":"offline"')
  })

  it("says what changes in it over TLS", async () => {
    const [cert, key, ca] = ["server", "server.key", "ca"].map(Certificates.path)
    const files = `const [cert, key, ca] = ${JSON.stringify([cert, key, ca])}\n`
    const { log, result } = await runExample(
      files +
        (examples[0] ?? "")
          .replace('Tcp.listen("127.0.0.1", 0)', quoted("Tls.listen("))
          .replace("Tcp.connect(server.address)", quoted("Tls.connect("))
          .replace("Tcp }", "Tls }")
    )
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
    assert.include(log, "tls://127.0.0.1:")
  })

  it("says what changes in it for clients that connect again", async () => {
    const options = quoted("ReconnectingClient.connect(")
    assert.include(options, "{ socket, login }")
    const { result } = await runExample(
      (examples[0] ?? "")
        .replaceAll("Client.connect(", "ReconnectingClient.connect(")
        .replace("Client,", "ReconnectingClient,")
    )
    assert.deepInclude(result, {
      first: { _id: "Option", _tag: "Some", value: { _tag: "Message", from: "alice", text: "hi" } }
    })
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
  })

  it("shows the client as a layer", async () => {
    const layer = quoted("Client.layer(").replace("options", '{ socket: network.connect, login: "alice" }')
    const { result } = await runExample(`import { Client, Memory, Server } from "a-chat"
      import * as Effect from "effect/Effect"
      const program = Effect.gen(function* () {
        const network = yield* Memory.make()
        yield* Server.start({ listen: [network.listen] })
        const fates = Effect.flatMap(Client.Client, (alice) => alice.deliver(["alice"], "hi"))
        return yield* Effect.provide(fates, ${layer})
      })
      console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(program))))`)
    assert.deepStrictEqual(result, [{ _tag: "Written", names: ["alice"] }])
  })

  it("shows the server as a layer", async () => {
    const layer = quoted("Server.layer({").replace('"::", 8080', '"127.0.0.1", 0')
    const imports = `import { Server, Tcp } from "a-chat"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"\n`
    const { log } = await runExample(
      `${imports} await Effect.runPromise(Effect.scoped(Layer.build(${layer}))); console.log(null)`
    )
    assert.match(log, /listening.*127\.0\.0\.1:\d+/u)
  })

  it("shows a server on a socket that another program opened", async () => {
    const example = (examples[0] ?? "")
      .replace('Tcp.listen("127.0.0.1", 0)', quoted("Inherited.listen("))
      .replace("Tcp }", "Tcp, Inherited }")
    const opened = Net.createServer().listen(0, "127.0.0.1")
    await once(opened, "listening")
    const { result } = await runExample(example, opened)
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
  })

  it("says how a chat needs no sockets", async () => {
    const made = quoted("const network = yield* Memory.make()")
    const { result } = await runExample(
      (examples[0] ?? "")
        .replace("const server =", `${made}\n const server =`)
        .replace('Tcp.listen("127.0.0.1", 0)', quoted("network.listen"))
        .replace("Tcp.connect(server.address)", quoted("network.connect"))
        .replace("Tcp }", "Memory }")
    )
    assert.include(JSON.stringify(result), '{"_tag":"Written","names":["bob"]}')
    assert.include(JSON.stringify(result), '"text":"hi"')
  })

  it.scopedLive("shows a client in a room, of the program's server", () =>
    Effect.gen(function* () {
      const { port } = yield* Program.startServer()
      const example = (examples[1] ?? "").replace("8080", port)
      const { result } = yield* Effect.promise(() => runExample(example))
      const { values: lines } = result as { readonly values: ReadonlyArray<object> }
      assert.lengthOf(lines, 1)
      assert.deepInclude(lines[0], { conversation: "#ops", from: "dana", text: "deployed", guest: true, seq: 1 })
    })
  )
})

/** A server and a shell in which `a-chat` is the built program and speaks to that server. */
const shell = Effect.gen(function* () {
  const { address, port } = yield* LocalServer.start()
  const folder = yield* temporaryFolder
  symlinkSync(Program.main, join(folder, "a-chat"))
  const environment = { PATH: `${folder}:${process.env["PATH"]}`, ACHAT_PORT: port }
  const start = (script: string, cwd = folder) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() =>
          spawn("sh", ["-c", script], { cwd, env: environment, detached: true, stdio: ["ignore", "pipe", "pipe"] })
        ),
        ({ pid }) =>
          Effect.sync(() => {
            try {
              process.kill(-(pid ?? 0), "SIGKILL")
            } catch {
              // it has ended
            }
          })
      ),
      (child) => {
        let output = ""
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (bytes: Buffer) => (output += bytes.toString()))
        const closed = new Promise<string>((resolve) => child.on("close", () => resolve(output)))
        return Effect.promise(() => closed)
      }
    )
  const run = (script: string, cwd?: string) => Effect.scoped(Effect.flatten(start(script, cwd)))
  return { address, start, run }
})

describe("The chats in README", () => {
  const [conversation = "", script = ""] = Documents.blocks(readme, "console")

  it.scopedLive("show what two people see with nc", () =>
    Effect.gen(function* () {
      const { address } = yield* shell
      const [head = "", ...lines] = conversation.trimEnd().split("\n")
      const column = head.indexOf("$", 1)
      const [bob, alice] = [yield* WireClient.connect(address), yield* WireClient.connect(address)]
      for (const line of lines) {
        for (const [client, text] of [
          [bob, line.slice(0, column).trim()] as const,
          [alice, line.slice(column)] as const
        ]) {
          if (/^(?:from|[!*]) /u.test(text)) assert.strictEqual(yield* client.line, text)
          else if (text !== "") yield* client.send(`${text}\n`)
        }
      }
      assert.deepStrictEqual([bob.lines, alice.lines], [[], []])
    })
  )

  it.scopedLive("show what a script sees", () =>
    Effect.gen(function* () {
      const { run } = yield* shell
      const [command = "", ...output] = script.trimEnd().split("\n")
      assert.strictEqual(yield* run(command.slice(2), root), `${output.join("\n")}\n`)
    })
  )
})

describe("The scripts and bots in README", () => {
  const lines = Documents.blocks(Documents.section(readme, "Scripts and bots"), "sh").join("").trim().split("\n")

  /** The line that contains a text; each is asked for once. */
  const line = (part: string) => {
    const found = lines.filter((line) => line.includes(part))
    assert.lengthOf(found, 1, part)
    return found[0] ?? ""
  }

  it.scopedLive("tell a sender that nobody got the message, and who is here", () =>
    Effect.gen(function* () {
      const { run } = yield* shell
      assert.include(yield* run(line("the build is done")), "bob does not know\n")
      assert.strictEqual(yield* run(line("a-chat who")), "")
      assert.strictEqual(yield* run(line("a-chat ping")), "it is up\n")
    })
  )

  it.scopedLive("send a message and many lines to a file of JSON", () =>
    Effect.gen(function* () {
      const { address, run, start } = yield* shell
      yield* start(line("> messages.json"))
      yield* WireClient.present(address, "bob")
      assert.strictEqual(yield* run(line("a-chat who")), "bob is here\n")
      assert.strictEqual(yield* run(line("the build is done")), "")
      yield* run(line("seq 1000000 |").replace("1000000", "50000")) // the million is for a person to watch
      const lastOf =
        "until tail -n 1 messages.json | grep 50000; do sleep 0.05; done; head -n 1 messages.json; wc -l < " +
        "messages.json"
      const [last = "", first = "", count] = (yield* run(lastOf)).trim().split("\n")
      assert.hasAllKeys(JSON.parse(last), ["from", "text", "at"])
      assert.include(first, '"text":"the build is done"')
      assert.strictEqual(Number(count), 50_001)
    })
  )

  it.scopedLive("print the next message from one sender", () =>
    Effect.gen(function* () {
      const { address, run, start } = yield* shell
      const next = yield* start(line("--from alice"))
      yield* WireClient.present(address, "bob")
      assert.strictEqual(yield* run("a-chat send --login carol bob no && a-chat send --login alice bob yes"), "")
      assert.strictEqual(yield* next, "from alice: yes\n")
    })
  )

  it.scopedLive("ask, and print the answer", () =>
    Effect.gen(function* () {
      const { address, run } = yield* shell
      const script = line("a-chat ask")
      assert.strictEqual(yield* run(script), "a-chat: bob: offline: no recipient of that name is online\n")
      const bob = yield* WireClient.join(address, "bob")
      const asked = yield* Effect.fork(run(script))
      const [, from = ""] = /^from (\S+): status\?$/u.exec(yield* bob.line) ?? []
      yield* bob.send(`${from}: fine\n`)
      assert.strictEqual(yield* Fiber.join(asked), "bob says fine\n")
    })
  )

  it.scopedLive("give a job each line of a room in one of its runs, and answer in the room", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { port } = yield* Program.startServer(["--store", join(folder, "chat.db")])
      const { start } = yield* shell
      const address = Tcp.address("127.0.0.1", Number(port))
      const [alice, bob] = [yield* WireClient.connect(address), yield* WireClient.join(address, "bob")]
      yield* alice.send("alice\n/register correct horse\n/join #ops\n/quit\n")
      yield* alice.rest
      yield* bob.send("/hello\n/join #ops\n#ops: one\n")
      const job = line("--login alice/ci").replace("--timeout 1m", "--count 1")
      const settings = `export ACHAT_PORT=${port} ACHAT_PASSWORD='correct horse' HOME=${folder};`
      assert.strictEqual(yield* yield* start(`${settings} ${job}`), "from bob #ops: one\n")
      yield* bob.send("#ops: two\n")
      assert.strictEqual(yield* yield* start(`${settings} ${job}`), "from bob #ops: two\n")
      yield* start(`export ACHAT_PORT=${port}; ${line("--login clock").replace("-- date", "-- echo noon")}`)
      yield* bob.until("the bot", () => bob.lines.find((found) => found.startsWith("* joined #ops clock")))
      yield* bob.send("#ops: clock: what time is it?\n")
      yield* bob.until("the answer", () => bob.lines.find((found) => found === "from clock #ops: noon"))
    })
  )

  it.scopedLive("answer a message", () =>
    Effect.gen(function* () {
      const { address, start } = yield* shell
      yield* start(line("--login greeter"))
      yield* WireClient.present(address, "greeter")
      const zoe = yield* WireClient.connect(address)
      yield* zoe.send("zoe\ngreeter: hey\n")
      assert.strictEqual(yield* zoe.line, "from greeter: hello zoe, you said: hey")
    })
  )

  // The one with curl runs in http.test.ts.
  it("are all run above", () => assert.lengthOf(lines, 11))
})
