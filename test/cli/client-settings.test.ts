import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConnectFlags from "../../src/cli/commands/ConnectFlags.js"
import * as ClientFile from "../../src/cli/settings/ClientFile.js"
import * as SettingsFile from "../../src/cli/settings/SettingsFile.js"
import * as Sources from "../../src/cli/settings/Sources.js"
import * as Certificates from "../support/Certificates.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** A folder for settings with this client.toml, until the scope ends. */
const configured = (text: string) =>
  Effect.map(temporaryFolder, (folder) => {
    mkdirSync(join(folder, "a-chat"))
    const path = join(folder, "a-chat", "client.toml")
    writeFileSync(path, text)
    return { path, folder: join(folder, "a-chat"), environment: { XDG_CONFIG_HOME: folder } }
  })

const text = `
server = "work"
login = "alice"
ca = "mine.pem"

[servers.work]
host = "tls://work.example:1"
login = "alice.w"
ca = "work.pem"

[servers.near]
unix = "near.sock"

[servers.plain]
host = "plain.example"
port = 2
`

/** Reads flags as a variable would be read. */
const flagsOf =
  (flags: Record<string, string>): Sources.SettingSource =>
  (name) => {
    const given = flags[name]
    return given === undefined ? undefined : { text: given, origin: "flag", place: `--${name}`, line: 0 }
  }

const resolved = (path: string, flags: Record<string, string>, environment: Record<string, string>) =>
  Effect.gen(function* () {
    const file = yield* SettingsFile.read(path)
    const source = yield* ClientFile.sources({ flags: flagsOf(flags), environment, file })
    const { resolved } = Sources.resolve(ConnectFlags.fileSettings, source)
    const { ca, login } = resolved.values
    const addresses = yield* ConnectFlags.check(resolved)
    const where = addresses.map(({ text }) => text).join(",")
    return [`${resolved.values.tls ? "tls " : ""}${where}`, ca?.replace(/.*\//u, ""), login]
  })

describe("The settings of a client", () => {
  const table: ReadonlyArray<
    readonly [
      name: string,
      flags: Record<string, string>,
      environment: Record<string, string>,
      expected: ReadonlyArray<string | undefined>
    ]
  > = [
    ["are those of the file's server", {}, {}, ["tls work.example:1", "work.pem", "alice.w"]],
    ["are changed by the environment", {}, { ACHAT_LOGIN: "bob" }, ["tls work.example:1", "work.pem", "bob"]],
    ["have the port of the environment", {}, { ACHAT_PORT: "7" }, ["tls work.example:7", "work.pem", "alice.w"]],
    ["have the server of the environment", {}, { ACHAT_SERVER: "plain" }, ["plain.example:2", "mine.pem", "alice"]],
    ["have the servers of a list", {}, { ACHAT_SERVER: "a:1,b:2" }, ["a:1,b:2", "mine.pem", "alice"]],
    ["have those of a host, with TLS", {}, { ACHAT_HOST: "tls://a,b:2" }, ["tls a:8080,b:2", "mine.pem", "alice"]],
    ["have the host of the environment", {}, { ACHAT_HOST: "h" }, ["h:8080", "mine.pem", "alice"]],
    [
      "have the server of a flag, whatever the environment says",
      { server: "plain" },
      { ACHAT_SERVER: "near", ACHAT_HOST: "h", ACHAT_PORT: "9", ACHAT_UNIX: "/s" },
      ["plain.example:2", "mine.pem", "alice"]
    ],
    [
      "have the login of a server that a flag names",
      { server: "work" },
      { ACHAT_LOGIN: "bob", ACHAT_TLS: "no" },
      ["tls work.example:1", "work.pem", "alice.w"]
    ],
    ["are changed by flags", { server: "work", port: "3", login: "x" }, {}, ["tls work.example:3", "work.pem", "x"]],
    ["have the place of a flag", { server: "tls://[::1]:4" }, {}, ["tls [::1]:4", "mine.pem", "alice"]],
    ["have a place without a scheme", { server: "h:4" }, { ACHAT_TLS: "yes" }, ["tls h:4", "mine.pem", "alice"]],
    ["have a Unix socket without TLS", { server: "unix:/s" }, { ACHAT_TLS: "yes" }, ["unix:/s", "mine.pem", "alice"]],
    ["have the host of a flag", { host: "h" }, { ACHAT_SERVER: "work" }, ["h:8080", "mine.pem", "alice"]]
  ]
  for (const [name, flags, environment, expected] of table) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { path } = yield* configured(text)
        assert.deepStrictEqual(yield* resolved(path, flags, environment), expected)
      })
    )
  }

  it.scopedLive("have no place from the file if a flag or a variable names one", () =>
    Effect.gen(function* () {
      const { path } = yield* configured('unix = "/s"\nport = 9\ntls = false\n')
      const address = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
        Effect.map(resolved(path, flags, environment), ([where]) => where)
      assert.strictEqual(yield* address({}), "unix:/s")
      assert.strictEqual(yield* address({}, { ACHAT_HOST: "h" }), "h:8080")
      assert.strictEqual(yield* address({ host: "h" }), "h:8080")
      assert.strictEqual(yield* address({ unix: "/other" }), "unix:/other")
    })
  )

  it.scopedLive("have the TLS of the file, whatever the scheme of an unused server", () =>
    Effect.gen(function* () {
      const { path } = yield* configured("tls = true\n")
      const address = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
        Effect.map(resolved(path, flags, environment), ([where]) => where)
      for (const variable of [{ ACHAT_UNIX: "/s" }, { ACHAT_HOST: "unix:/s" }, { ACHAT_HOST: "tcp://x:1" }] as const) {
        assert.strictEqual(yield* address({ host: "h" }, variable), "tls h:8080")
        assert.strictEqual(yield* address({ server: "h:2" }, variable), "tls h:2")
        assert.strictEqual(yield* address({}, { ...variable, ACHAT_SERVER: "tls://h:2" }), "tls h:2")
      }
      assert.strictEqual(yield* address({ port: "9" }, { ACHAT_UNIX: "/s" }), "tls 127.0.0.1:9")
      assert.strictEqual(yield* address({ port: "9" }, { ACHAT_HOST: "tcp://x" }), "x:9")
      assert.strictEqual(yield* address({}, { ACHAT_HOST: "tcp://x:1" }), "x:1")
      assert.strictEqual(yield* address({ host: "unix:/s" }, { ACHAT_TLS: "yes" }), "unix:/s")
    })
  )

  it.scopedLive("have paths relative to the folder of the file", () =>
    Effect.gen(function* () {
      const { folder, path } = yield* configured(text)
      assert.strictEqual((yield* resolved(path, { server: "near" }, {}))[0], `unix:${folder}/near.sock`)
    })
  )

  it("are in $XDG_CONFIG_HOME, or in ~/.config", () => {
    assert.strictEqual(ClientFile.path({ XDG_CONFIG_HOME: "/c", HOME: "/h" }), "/c/a-chat/client.toml")
    for (const relative of [{ XDG_CONFIG_HOME: "c" }, { XDG_CONFIG_HOME: "" }, {}])
      assert.strictEqual(ClientFile.path({ ...relative, HOME: "/h" }), "/h/.config/a-chat/client.toml")
  })
})

describe("a-chat with client settings", () => {
  it.scopedLive("connects to a server by its name, over TLS, and by its address in every form", () =>
    Effect.gen(function* () {
      const pair = Certificates.pair("server")
      const { port } = yield* Program.startServer(["--tls-cert", pair.cert, "--tls-key", pair.key])
      const plain = yield* Program.startServer()
      const { environment } = yield* configured(
        `login = "alice"\n[servers.work]\nhost = "tls://127.0.0.1:${port}"\nca = "${Certificates.path("ca")}"\n`
      )
      const echo = { status: 0, output: "from alice: hi\n", errors: "" }
      const talk = (flags: ReadonlyArray<string>) =>
        Program.run(["connect", ...flags], { environment, input: "alice: hi\n" })
      assert.deepStrictEqual(yield* talk(["--server", "work"]), echo)
      const places = [
        "--server=tcp://127.0.0.1:",
        "--server=127.0.0.1:",
        "--host=127.0.0.1:",
        "--host=tcp://127.0.0.1:"
      ]
      for (const flag of places) {
        assert.deepStrictEqual(yield* talk([flag + plain.port]), echo)
      }
    })
  )

  it.scopedLive("reports an unknown server, and a server that is named twice", () =>
    Effect.gen(function* () {
      const { environment } = yield* configured(text)
      const errors = (...args: ReadonlyArray<string>) =>
        Effect.map(Program.run(["who", ...args], { environment }), ({ errors, status }) => {
          assert.strictEqual(status, 2)
          return errors
        })
      assert.match(yield* errors("--server", "wrok"), /^a-chat: --server: there is no server "wrok".*mean work\?\n$/u)
      assert.match(yield* errors("--server", "x"), /give one of work, near, plain, tcp:/u)
      assert.match(yield* errors("--server", "work", "--host", "h"), /--server replaces --host and --unix/u)
      assert.match(yield* errors("--host", "h:1", "--port", "2"), /--host: "h:1" names a port, too/u)
      for (const scheme of ["ws", "wss", "http", "HTTPS"]) {
        for (const flag of ["--server", "--host"]) {
          const why = yield* errors(flag, `${scheme}://chat.example:8081/chat`)
          assert.include(
            why,
            `${flag}: "${scheme}://chat.example:8081/chat" is for browsers and curl; name the chat's own port`
          )
          assert.strictEqual(why.split("\n").length, 2)
        }
      }
    })
  )

  it.scopedLive("reports each mistake in the file with its line and setting, and uses nothing of it", () =>
    Effect.gen(function* () {
      const { environment, path } = yield* configured(
        'server = "wrok"\nlogn = "a"\n[servers.work]\nport = 0\nhots = "x"\n[servers]\nhome = "x"\n[other]\n'
      )
      const { errors, output, status } = yield* Program.run(["config", "--client", "--check"], { environment })
      assert.deepStrictEqual([status, output], [2, ""])
      const expected = [
        `${path}:1: there is no server "wrok" in the client settings; did you mean work?`,
        `${path}:2: logn is not a setting; did you mean login?`,
        `${path}:4: port: "0" is out of range; allowed: 1 to 65535`,
        `${path}:5: hots is not a setting; did you mean host?`,
        `${path}:7: servers.home is not a table; write [servers.NAME]`,
        `${path}:8: other is a table or a date, which no setting can be`
      ]
      assert.strictEqual(errors, expected.map((line) => `a-chat: ${line}\n`).join(""))
      const who = yield* Program.run(["who"], { environment })
      assert.deepStrictEqual(
        [who.status, who.errors],
        [2, `a-chat: ${expected[0]} (and 5 more; see a-chat config --client --check)\n`]
      )
    })
  )

  it.scopedLive("say in one way where a server is", () =>
    Effect.gen(function* () {
      const { environment, path } = yield* configured(
        'server = "both"\n[servers.both]\nunix = "/s"\nhost = "chat.example"\n[servers.one]\nunix = "/s"\nport = 9\n'
      )
      const { errors, status } = yield* Program.run(["who"], { environment })
      assert.deepStrictEqual([status, errors], [2, `a-chat: ${path}:4: unix replaces host; give one or the other\n`])
    })
  )

  it.scopedLive("are listed by config --client, with the place of each", () =>
    Effect.gen(function* () {
      const { environment, folder, path } = yield* configured(text)
      const { errors, output, status } = yield* Program.run(["config", "--client"], {
        environment: { ...environment, ACHAT_LOGIN: "bob" }
      })
      assert.deepStrictEqual([status, errors], [0, ""])
      const rows = new Map(output.split("\n").map((line) => [line.split(" ", 1)[0], line.split(/ {2,}/u).slice(1)]))
      assert.deepStrictEqual(rows.get("server"), ["work", `${path}:2`])
      assert.deepStrictEqual(rows.get("host"), ["work.example", `${path}:7`])
      assert.deepStrictEqual(rows.get("tls"), ["yes", `${path}:7`])
      assert.deepStrictEqual(rows.get("ca"), [`${folder}/work.pem`, `${path}:9`])
      assert.deepStrictEqual(rows.get("login"), ["bob", "ACHAT_LOGIN"])
      assert.deepStrictEqual(rows.get("cert"), ["none", "default"])
      assert.deepStrictEqual(rows.get("servers.near.unix"), ["near.sock", `${path}:12`])
    })
  )

  it.scopedLive("have those of a terminal, for all servers or for one", () =>
    Effect.gen(function* () {
      const { environment, folder } = yield* configured(
        'bell = "mentions"\nlog-dir = "logs"\n[servers.work]\nhost = "h:1"\nlog-dir = "~/work"\nnotify = "cat"\n'
      )
      const shown = (more: Record<string, string>) =>
        Effect.map(Program.run(["config", "--client"], { environment: { ...environment, ...more } }), ({ output }) =>
          ["bell", "log-dir", "notify", "notify-osc"].map(
            (name) => new RegExp(`^${name} +(\\S+)`, "mu").exec(output)?.[1]
          )
        )
      assert.deepStrictEqual(yield* shown({}), ["mentions", `${folder}/logs`, "none", "auto"])
      const ofServer = yield* shown({ ACHAT_SERVER: "work", HOME: "/home/a", ACHAT_NOTIFY_OSC: "9" })
      assert.deepStrictEqual(ofServer, ["mentions", "/home/a/work", "cat", "9"])
    })
  )

  it.scopedLive("are checked for certificates without keys, and fine without a file", () =>
    Effect.gen(function* () {
      const { environment } = yield* configured('tls = true\ncert = "c"\n')
      const lacking = yield* Program.run(["config", "--client", "--check"], { environment })
      assert.deepStrictEqual([lacking.status, lacking.output], [2, ""])
      assert.match(lacking.errors, /--cert and --key belong together/u)
      const none = yield* Program.run(["config", "--client", "--check"], {
        environment: { XDG_CONFIG_HOME: "/nowhere" }
      })
      assert.deepStrictEqual(none, { status: 0, output: "", errors: "" })
    })
  )
})

describe("a-chat serve", () => {
  it.scopedLive("listens where --host says, with brackets and a port", () =>
    Effect.gen(function* () {
      const server = yield* Program.start(["serve", "--host", "[::1]:0", "--log-format", "logfmt"])
      yield* server.says("errors", /message=listening .*\[::1\]:\d+/u)
      const { errors, status } = yield* Program.run(["serve", "--host", "tls://127.0.0.1:0"])
      assert.strictEqual(status, 2)
      assert.match(errors, /--host: "tls:\/\/127\.0\.0\.1:0" is not an address .*; --listen takes /u)
    })
  )
})
