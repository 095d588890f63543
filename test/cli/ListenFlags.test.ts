import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ListenUrl from "../../src/cli/serve/ListenUrl.js"
import * as Certificates from "../support/Certificates.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const urls: ReadonlyArray<readonly [string, string, boolean]> = [
  ["tcp://127.0.0.1:8080", "127.0.0.1:8080", false],
  ["tcp://[::1]:0", "[::1]:0", false],
  ["tls://chat.example:65535", "tls://chat.example:65535", false],
  ["tls+proxy://[::]:8443", "tls://[::]:8443", true],
  ["tcp+proxy://0.0.0.0:1", "0.0.0.0:1", true],
  ["unix:/run/chat.sock", "unix:/run/chat.sock", false],
  ["unix:chat.sock", "unix:chat.sock", false],
  ["fd://a-chat.socket", "plain a-chat.socket", false],
  ["tls+fd://secure", "TLS secure", false],
  ["fd+proxy://behind", "plain behind", true],
  ["tls+fd+proxy://", "TLS ", true]
]

describe("--listen", () => {
  for (const [text, shown, isProxied] of urls) {
    it(`accepts ${text}`, () => {
      const place = Either.getOrThrow(ListenUrl.parse(text))
      const address = "text" in place ? place.text : `${place.isTls ? "TLS" : "plain"} ${place.socketName}`
      assert.deepStrictEqual([address, place.isProxied], [shown, isProxied])
    })
  }

  const wrong = [
    "",
    "8080",
    "tcp:8080",
    "tcp://127.0.0.1",
    "tcp://:8080",
    "tcp://::1:8080",
    "http://a:1",
    "tcp://a:1/",
    "unix:",
    "fd:3",
    "fd://a:b",
    "fd+tls://a"
  ]
  for (const text of [...wrong, "unix:///s", "unix+proxy:/s", "tcp://a:65536", "tls://a:-1", "TCP://a:1"]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.isTrue(Either.isLeft(ListenUrl.parse(text))))
  }
})

const { cert, key } = Certificates.pair("server")
const shown = ["--tls-cert", cert, "--tls-key", key]
const tls = ["--tls", "--ca", Certificates.path("ca")]

const refuses = (args: ReadonlyArray<string>, said: RegExp) =>
  Effect.map(Program.run(["serve", ...args]), ({ errors, status }) => {
    assert.match(errors, /^a-chat: [^\n]*\n$/u)
    assert.match(errors, said)
    assert.strictEqual(status, 2)
  })

/** The address on which a server listens, from its log. */
const listening = (config: ReadonlyArray<string>, environment: Record<string, string>) =>
  Effect.flatMap(Program.start(["serve", "--log-format", "logfmt", ...config], { environment }), (server) =>
    server.says("errors", /address=(\S+):\d+/u)
  )

const send = (...args: ReadonlyArray<string>) => Program.run(["send", ...args, "--login", "alice", "bob", "hi"])

/** Sends a message to itself, since `send` gets none. */
const talk = (...args: ReadonlyArray<string>) =>
  Program.run(["connect", ...args, "--login", "alice"], { input: "alice: hi\n" })

describe("a URL that names nothing", () => {
  it("gets a list of all forms", () => {
    const said = Either.getOrThrow(Either.flip(ListenUrl.parse("fd+tls://a")))
    for (const [form] of urls) assert.include(said, /^[a-z+]+:(\/\/)?/u.exec(form)?.[0] ?? "no form")
  })
})

describe.concurrent("a-chat serve", () => {
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["a URL that names nothing", ["--listen", "8080"], /--listen: "8080" is none of tcp:/],
    ["a port out of range", ["--listen", "tcp://::1:70000"], /--listen: .* is none of/],
    [
      "--listen and --port together",
      ["--listen", "tcp://127.0.0.1:0", "--port", "0"],
      /--listen replaces --host, --port/
    ],
    ["TLS without a certificate", ["--listen", "tls://127.0.0.1:0"], /needs both --tls-cert and --tls-key/],
    ["TLS without a key", ["--port", "0", "--tls-cert", cert], /needs both --tls-cert and --tls-key/],
    ["a certificate without TLS", ["--listen", "tcp://127.0.0.1:0", ...shown], /no listener uses TLS/],
    ["a certificate that does not exist", ["--tls-cert", "/nowhere", "--tls-key", key], /\/nowhere: it cannot be read/],
    [
      "the key of another certificate",
      ["--tls-cert", cert, "--tls-key", Certificates.path("alice.key")],
      /is not the key of/
    ],
    [
      "a proxy without --proxy-from",
      ["--port", "0", "--proxy-protocol"],
      /give the addresses of the proxies with --proxy-from/
    ],
    [
      "an invalid range of addresses",
      ["--proxy-protocol", "--proxy-from", "10.0.0.0/33"],
      /--proxy-from: .* is not a list of address ranges/
    ],
    ["--proxy-from without a proxy", ["--port", "0", "--proxy-from", "::1"], /no listener is behind a proxy/],
    ["a handshake timeout out of range", ["--handshake-timeout", "99ms"], /100 ms to 10 m/]
  ]
  for (const [what, args, said] of table) it.live(`refuses ${what}`, () => refuses(args, said))

  it.scopedLive("listens on every URL, with TLS and without, and logs each", () =>
    Effect.gen(function* () {
      const places = ["--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0"]
      const server = yield* Program.start(["serve", "--log-format", "logfmt", ...places, ...shown])
      const plain = yield* server.says("errors", /address=127\.0\.0\.1:(\d+)/u)
      const secure = yield* server.says("errors", /address=tls:\/\/127\.0\.0\.1:(\d+)/u)
      const bob = yield* Program.start(["connect", "--port", plain], { input: "bob\nbob: ready\n" })
      yield* bob.says("output", /from bob: ready/u)
      assert.strictEqual((yield* talk("--port", secure, ...tls)).status, 0)
      const without = yield* send("--port", secure)
      assert.deepStrictEqual([without.status, /this port speaks TLS/.test(without.errors)], [2, true])
      const reverse = yield* send("--port", plain, ...tls)
      assert.deepStrictEqual([reverse.status, /does not speak TLS there/.test(reverse.errors)], [2, true])
    })
  )

  it.scopedLive("with a certificate, makes the port of --host and --port TLS", () =>
    Effect.gen(function* () {
      const { port } = yield* Program.startServer(shown)
      const { status } = yield* talk("--port", port, ...tls)
      assert.strictEqual(status, 0)
    })
  )

  it.scopedLive("listens on the URLs of the variable, unless a flag overrides them", () =>
    Effect.gen(function* () {
      const environment = { ACHAT_LISTEN: "tcp://127.0.0.1:0,tcp://[::1]:0" }
      const both = yield* Program.start(["serve", "--log-format", "logfmt"], { environment })
      yield* both.says("errors", /address=\[?::1\]?:\d+/u)
      const one = yield* Program.startServer([], { environment })
      yield* one.kill("SIGTERM")
      assert.notInclude((yield* one.ended).errors, "::1")
    })
  )

  it.scopedLive(
    "listens on the URLs of the file, unless a variable overrides them; refuses a file with both forms",
    () =>
      Effect.gen(function* () {
        const home = yield* temporaryFolder
        const file = (name: string, text: string) => {
          writeFileSync(join(home, name), text)
          return ["--config", join(home, name)]
        }
        const places = 'listen = ["tcp://[::1]:0"]\n'
        assert.include(yield* listening(file("places.toml", places), {}), "[::1]")
        assert.strictEqual(yield* listening(file("places.toml", places), { ACHAT_PORT: "0" }), "127.0.0.1")
        yield* refuses(file("both.toml", `port = 0\n${places}`), /--listen replaces/)
      })
  )

  it.scopedLive("reads its certificate again at SIGHUP; a bad one changes nothing, and is logged", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const [own, ownKey] = [join(home, "cert.pem"), join(home, "key.pem")]
      const put = (name: string) => {
        copyFileSync(Certificates.path(name), own)
        copyFileSync(Certificates.path(`${name}.key`), ownKey)
      }
      put("elsewhere")
      const server = yield* Program.startServer(["--tls-cert", own, "--tls-key", ownKey])
      const sent = talk("--port", server.port, ...tls)
      assert.match((yield* sent).errors, /is not for 127\.0\.0\.1; check --host, or give --server-name/)
      put("server")
      writeFileSync(ownKey, "nonsense")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /level=WARN .*stay as they were.*not a private key/u)
      assert.match((yield* sent).errors, /is not for 127\.0\.0\.1; check --host, or give --server-name/)
      put("server")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /level=INFO .*certificates read again/u)
      assert.strictEqual((yield* sent).status, 0)
    })
  )
})

describe.concurrent("a client", () => {
  const port = ["--port", "1", "--login", "alice"]
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["--ca without --tls", [...port, "--ca", cert], /--ca needs TLS/],
    ["--server-name without --tls", [...port, "--server-name", "a"], /--server-name needs TLS/],
    ["--tls for a Unix socket", ["--unix", "/s", "--tls"], /TLS needs TCP/],
    ["--cert without --key", [...port, "--tls", "--cert", cert], /--cert and --key belong together/],
    ["a file that is not there", [...port, "--tls", "--ca", "/nowhere"], /\/nowhere: it cannot be read/]
  ]
  for (const [what, args, said] of table) {
    it.live(`refuses ${what}`, () =>
      Effect.map(Program.run(["send", ...args, "bob", "hi"]), ({ errors, status }) => {
        assert.match(errors, said)
        assert.strictEqual(status, 2)
      })
    )
  }
})
