import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Unix from "../../src/transport/Unix.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as SystemdSockets from "../../src/cli/serve/SystemdSockets.js"
import * as ListenUrl from "../../src/cli/serve/ListenUrl.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Certificates from "../support/Certificates.js"
import * as Program from "../support/Program.js"
import * as WireClient from "../support/WireClient.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const own = 42

const listed = (variables: Readonly<Record<string, string>>) =>
  Either.map(SystemdSockets.parse(variables, own), ({ isForAnother, sockets }) =>
    isForAnother ? "for another" : sockets.map(({ descriptor, name }) => `${descriptor} ${name}`).join(", ")
  )

describe("The sockets in the environment", () => {
  const none = { LISTEN_PID: "42", LISTEN_FDS: "0" }
  const one = { LISTEN_PID: "42", LISTEN_FDS: "1" }
  const table: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, string]> = [
    ["none without variables", {}, ""],
    ["none without a count", { LISTEN_PID: "42" }, ""],
    ["none without a process id", { LISTEN_FDS: "1" }, ""],
    ["none where the count is 0", none, ""],
    ["none where the count is 0 and the names are empty", { ...none, LISTEN_FDNAMES: "" }, ""],
    ["descriptor 3", one, "3 unknown"],
    ["descriptor 3 by its name", { ...one, LISTEN_FDNAMES: "a-chat.socket" }, "3 a-chat.socket"],
    ["descriptor 3 with an empty name", { ...one, LISTEN_FDNAMES: "" }, "3 "],
    ["descriptors from 3 on", { ...one, LISTEN_FDS: "3", LISTEN_FDNAMES: "a:b:a" }, "3 a, 4 b, 5 a"],
    ["not those of another process", { ...one, LISTEN_PID: "43", LISTEN_FDNAMES: "a:b" }, "for another"]
  ]
  for (const [what, variables, sockets] of table) {
    it(`are ${what}`, () => assert.deepStrictEqual(listed(variables), Either.right(sockets)))
  }

  it("are at most a thousand", () => {
    assert.isTrue(Either.isRight(listed({ ...one, LISTEN_FDS: "1000" })))
    assert.match(Either.getOrThrow(Either.flip(listed({ ...one, LISTEN_FDS: "1001" }))), /allowed: 0 to 1000/)
  })

  const wrong: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
    [{ ...one, LISTEN_PID: "me" }, /^LISTEN_PID: "me" is not a process id/],
    [{ ...one, LISTEN_FDS: "-1" }, /^LISTEN_FDS: "-1" is not a number of sockets/],
    [{ ...one, LISTEN_FDS: "" }, /^LISTEN_FDS: "" is not a number/],
    [{ ...one, LISTEN_FDNAMES: "a:b" }, /^LISTEN_FDNAMES has 2 names, but LISTEN_FDS has 1 sockets/]
  ]
  for (const [variables, said] of wrong) {
    it(`are refused: ${JSON.stringify(variables)}`, () => {
      assert.match(Either.getOrThrow(Either.flip(listed(variables))), said)
    })
  }
})

const socket = (descriptor: number, name: string) => ({ descriptor, name })
const [a, b, otherA] = [socket(3, "a"), socket(4, "b"), socket(5, "a")]
const sockets = [a, b, otherA]
const claim = (passed: SystemdSockets.Sockets, ...places: ReadonlyArray<string>) => {
  const [first, ...more] = places.map((place) => Either.getOrThrow(ListenUrl.parse(place)))
  if (first === undefined) throw new Error("no place")
  const claimed = Effect.either(SystemdSockets.claim([first, ...more], passed))
  return Either.mapBoth(Effect.runSync(claimed), {
    onLeft: ({ message }) => message,
    onRight: (all) => all.map(({ isTls, socket }) => [socket, isTls])
  })
}

describe("SystemdSockets.claim", () => {
  it("gives each socket to the URL that names it", () => {
    const byName = [b, a, otherA].map((socket) => [socket, socket === b])
    assert.deepStrictEqual(claim(sockets, "tls+fd://b", "fd://a"), Either.right(byName))
    assert.deepStrictEqual(claim(sockets, "fd://"), Either.right(sockets.map((socket) => [socket, false])))
  })

  const refusals: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    [
      "a name that no socket has",
      ["fd://", "fd://c"],
      /^fd:\/\/c: no socket was passed under that name, only a, b, a;/
    ],
    ["a socket that is named twice", ["fd://", "fd://b"], /^fd:\/\/b is listed twice$/],
    [
      "to leave one socket out",
      ["fd://a"],
      /^systemd passed the socket fd:\/\/b, but no listener uses it; add --listen/
    ],
    ["to leave all sockets out", ["tcp://127.0.0.1:0"], /^systemd passed the socket fd:\/\/a, but/]
  ]
  for (const [what, places, said] of refusals) {
    it(`refuses ${what}`, () => assert.match(Either.getOrThrow(Either.flip(claim(sockets, ...places))), said))
  }

  it("refuses a name where no socket was passed", () => {
    assert.match(Either.getOrThrow(Either.flip(claim([], "fd://a"))), /^fd:\/\/a: no socket was passed; start/)
  })
})

const activator = fileURLToPath(new URL("../../scripts/restart/activator.mjs", import.meta.url))

const tcpOf = ({ port }: { readonly port: string }) => Tcp.address("127.0.0.1", Number(port))

/**
 * A server on sockets that another program holds, which starts the server again each time it ends. `before` is shell
 * code that runs before each start.
 */
const activated = (sockets: ReadonlyArray<string>, args: ReadonlyArray<string> = [], before?: string) =>
  Effect.gen(function* () {
    const through = [process.execPath, activator, ...sockets, "--", "sh", "-c", `${before ?? ":"}; exec "$@"`, "sh"]
    const program = yield* Program.start(["serve", "--log-format", "logfmt", ...args], { input: "", through })
    let output = ""
    program.output.on("data", (text: string) => (output += text))
    const pid = () => Number(/server (\d+)\n$/u.exec(output)?.[1])
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* program.kill("SIGKILL")
        yield* program.exited
        try {
          process.kill(pid(), "SIGKILL")
        } catch {} // it has ended, too
      })
    )
    const port = yield* program.says("output", /^listening (\d+)/u)
    // See `talkOnceItServes`.
    if (before === undefined) yield* program.says("errors", / message=listening /u)
    return { ...program, port, tcp: tcpOf({ port }), pid }
  })

/** Runs a server that cannot start while a client waits, then one that can. Returns the error of the first. */
const failing = (
  sockets: ReadonlyArray<string>,
  where: (server: { readonly port: string }) => Address,
  wrong: string
) =>
  Effect.gen(function* () {
    const gate = join(yield* temporaryFolder, "gate")
    const wait = (name: string) => `until [ -e ${gate}.${name} ]; do sleep 0.02; done`
    const first = `sh -c 'LISTEN_PID=$$ exec "$@" ${wrong}' sh "$@"`
    const server = yield* activated(sockets, [], `${wait("connected")}; ${first}; ${wait("failed")}`)
    const client = yield* WireClient.connect(where(server))
    yield* client.send("early\nearly: in\n")
    writeFileSync(`${gate}.connected`, "")
    const said = yield* server.says("errors", /^a-chat: (.*)$/mu)
    writeFileSync(`${gate}.failed`, "")
    yield* client.expect("from early: in")
    return said
  })

/** Sends a message to itself, since `send` gets none. */
const talk = (...args: ReadonlyArray<string>) =>
  Program.run(["connect", ...args, "--login", "alice"], { input: "alice: hi\n" })

/**
 * The same with a server that is not ready yet. The input stays open until the message is back: `connect` takes a
 * server that is silent for a second after the end of the input for an original one, and leaves.
 */
const talkOnceItServes = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Program.start(["connect", ...args, "--login", "alice"])
    program.input.write("alice: hi\n")
    yield* program.says("output", /from alice: hi\n/u)
    program.input.end()
    return yield* program.ended
  })

const refuses = (args: ReadonlyArray<string>, options: Program.StartOptions, said: RegExp) =>
  Effect.map(Program.runProcess(["serve", ...args], options), ({ errors, status }) => {
    assert.match(errors, said)
    assert.match(errors, /^a-chat: [^\n]*\n$/u)
    assert.strictEqual(status, 2)
  })

const passing = (redirection: string) => ({ before: `export LISTEN_PID=$$ LISTEN_FDS=1 && exec 3${redirection}` })
const listenless = /^a-chat: cannot listen on fd:\/\/unknown: descriptor 3 is not a listening stream socket; /

describe("a-chat serve", () => {
  it.scopedLive("listens on all sockets that were passed, and logs each", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const server = yield* activated(["one=0", `two=${path}`])
      assert.strictEqual((yield* talk("--port", server.port)).status, 0)
      assert.strictEqual((yield* talk("--unix", path)).status, 0)
      yield* server.says("errors", new RegExp(`message=listening address=127.0.0.1:${server.port}\n`, "u"))
      yield* server.says("errors", /message=listening address=fd:\/\/two\n/u)
      yield* server.says("errors", /message="connection closed" reason=quit remote=unix /u)
    })
  )

  it.scopedLive("listens on each socket in the mode of the URL that names it", () =>
    Effect.gen(function* () {
      const { cert, key } = Certificates.pair("server")
      const path = join(yield* temporaryFolder, "s")
      const places = ["--listen", "tls+fd://secure", "--listen", "fd://plain", "--tls-cert", cert, "--tls-key", key]
      const server = yield* activated(["secure=0", `plain=${path}`], places)
      assert.strictEqual((yield* talk("--port", server.port, "--tls", "--ca", Certificates.path("ca"))).status, 0)
      assert.strictEqual((yield* talk("--unix", path)).status, 0)
    })
  )

  it.scopedLive("with a certificate and no --listen, uses TLS on TCP sockets and none on a Unix socket", () =>
    Effect.gen(function* () {
      const { cert, key } = Certificates.pair("server")
      const path = join(yield* temporaryFolder, "s")
      const server = yield* activated(["a=0", `b=${path}`], ["--tls-cert", cert, "--tls-key", key])
      assert.strictEqual((yield* talk("--port", server.port, "--tls", "--ca", Certificates.path("ca"))).status, 0)
      assert.strictEqual((yield* talk("--unix", path)).status, 0)
    })
  )

  it.scopedLive("behind a proxy, expects its header on TCP sockets and not on a Unix socket", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const server = yield* activated(["a=0", `b=${path}`], ["--proxy-protocol", "--proxy-from", "127.0.0.1"])
      const client = yield* WireClient.connect(server.tcp)
      yield* client.send("PROXY TCP4 10.1.2.3 10.0.0.1 4711 8080\r\nbob\nbob: in\n")
      yield* client.expect("from bob: in")
      yield* client.end
      yield* server.says("errors", /message="connection closed" reason=left remote=10\.1\.2\.3:4711/u)
      assert.strictEqual((yield* talk("--unix", path)).status, 0)
    })
  )

  it.scopedLive("serves clients that connected before it ran, and between its end and its next start", () =>
    Effect.gen(function* () {
      const gate = join(yield* temporaryFolder, "gate")
      const server = yield* activated(["a=0"], [], `until [ -e ${gate} ]; do sleep 0.02; done`)
      const early = yield* WireClient.connect(server.tcp)
      yield* early.send("early\nearly: in\n")
      writeFileSync(gate, "")
      yield* early.expect("from early: in")
      rmSync(gate)
      const first = server.pid()
      process.kill(first, "SIGTERM")
      assert.strictEqual(yield* early.closed, "end")
      const between = yield* WireClient.connect(server.tcp)
      yield* between.send("between\nbetween: in\n")
      const program = yield* Effect.fork(talkOnceItServes("--port", server.port))
      yield* server.says("output", new RegExp(`server ${first}\nserver \\d+\n`, "u"))
      writeFileSync(gate, "")
      yield* between.expect("from between: in")
      assert.deepStrictEqual(yield* program, { status: 0, output: "from alice: hi\n", errors: "" })
      assert.notStrictEqual(server.pid(), first)
    })
  )

  it.scopedLive("refuses a certificate when no socket that was passed is TCP", () =>
    Effect.gen(function* () {
      const { cert, key } = Certificates.pair("server")
      const options = ["--tls-cert", cert, "--tls-key", key, "--tls-client-ca", Certificates.path("ca")]
      const through = [process.execPath, activator, `a=${join(yield* temporaryFolder, "s")}`, "--"]
      const { errors, status } = yield* Program.runProcess(["serve", ...options], { through })
      assert.match(errors, /^a-chat: a certificate is given, but no listener uses TLS$/mu)
      assert.strictEqual(status, 2)
    })
  )

  it.scopedLive("leaves waiting clients to the next server when it cannot listen elsewhere", () =>
    Effect.gen(function* () {
      const other = join(yield* temporaryFolder, "other")
      yield* Program.startServer(["--unix", other])
      assert.match(
        yield* failing(["a=0"], tcpOf, `--listen fd:// --listen unix:${other}`),
        /another server is listening/
      )
    })
  )

  it.scopedLive("leaves clients that wait on a Unix socket to the next server when it refuses the socket", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const wrong = "--listen fd+proxy://b --listen fd://a --proxy-from ::1"
      assert.match(
        yield* failing(["a=0", `b=${path}`], () => Unix.address(path), wrong),
        /it is a Unix socket; TLS and/
      )
    })
  )

  // In a shortage the server closes and reopens only sockets of its own. This one belongs to another program.
  it.scopedLive.skipIf(spawnSync("prlimit", ["--version"]).status !== 0)(
    "keeps the socket when descriptors run out, and serves again when there are some",
    () =>
      Effect.gen(function* () {
        const server = yield* activated(["a=0"])
        yield* server.says("errors", /message=listening /u)
        const limit = (nofile: string) => {
          assert.strictEqual(spawnSync("prlimit", [`--pid=${server.pid()}`, `--nofile=${nofile}:`]).status, 0)
        }
        limit("4")
        yield* server.says(
          "errors",
          /level=WARN .*"out of file descriptors: the operating system drops connections; raise/u
        )
        limit("1000")
        assert.strictEqual((yield* talkOnceItServes("--port", server.port)).status, 0)
      })
  )

  it.live("refuses a descriptor that is a file", () => refuses([], passing("</dev/null"), listenless))
  it.live("refuses a descriptor that is not open", () => refuses([], passing("<&-"), listenless))
  it.live("refuses a number of sockets that is not a number", () =>
    refuses([], { before: "export LISTEN_PID=$$ LISTEN_FDS=x" }, /^a-chat: LISTEN_FDS: "x" is not a number of sockets/)
  )
  it.live("refuses a socket that --port leaves out", () =>
    refuses(["--port", "0"], passing("</dev/null"), /^a-chat: systemd passed the socket fd:\/\/unknown, but/)
  )
  for (const [place, what] of [
    ["tls+fd://", "TLS"],
    ["fd+proxy://", "a proxy"]
  ] as const) {
    it.scopedLive(`refuses ${what} on a Unix socket`, () =>
      Effect.gen(function* () {
        const { cert, key } = Certificates.pair("server")
        const options = place === "tls+fd://" ? ["--tls-cert", cert, "--tls-key", key] : ["--proxy-from", "::1"]
        const through = [process.execPath, activator, `a=${join(yield* temporaryFolder, "s")}`, "--"]
        yield* refuses(["--listen", place, ...options], { through }, /fd:\/\/a: it is a Unix socket; TLS and a proxy/)
      })
    )
  }

  it.scopedLive("does not take sockets that were passed to another process, and logs a warning", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer([], { environment: { LISTEN_PID: "1", LISTEN_FDS: "1" } })
      yield* server.says("errors", /level=WARN .*"sockets were passed to another process;[^"]*" LISTEN_PID=1/u)
      assert.strictEqual((yield* talk("--port", server.port)).status, 0)
    })
  )
})

const activate = ["systemd-socket-activate", "--setenv=PATH"]

describe.skipIf(spawnSync(activate[0] ?? "", ["--version"]).status !== 0)("with systemd-socket-activate", () => {
  it.scopedLive("a-chat serve starts when a client connects, and serves the client", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const server = yield* Program.start(["serve"], { input: "", through: [...activate, `--listen=${path}`] })
      yield* server.says("errors", /Listening on/u)
      assert.strictEqual((yield* talkOnceItServes("--unix", path)).status, 0)
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  it.scopedLive("a connected socket instead of a listening one is refused", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const through = [...activate, "--accept", `--listen=${path}`]
      const server = yield* Program.start(["serve"], { input: "", through })
      yield* server.says("errors", /Listening on/u)
      yield* WireClient.connect(Unix.address(path))
      yield* server.says("errors", /descriptor 3 is not a listening stream socket; in a \.socket unit/u)
    })
  )
})
