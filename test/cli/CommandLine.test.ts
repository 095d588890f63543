import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Control from "../../src/cli/commands/control.js"
import * as Exec from "../../src/cli/commands/exec.js"
import * as History from "../../src/cli/commands/history.js"
import * as Search from "../../src/cli/commands/search.js"
import * as Send from "../../src/cli/commands/send.js"
import * as Serve from "../../src/cli/commands/serve.js"
import * as Who from "../../src/cli/commands/who.js"
import * as CommandLine from "../../src/cli/help/CommandLine.js"
import * as Program from "../support/Program.js"

const commands: Readonly<Record<string, CommandLine.CommandForm>> = {
  serve: { settings: Serve.settings, takes: "flags" },
  send: { settings: Send.settings, takes: "text", needs: "recipients are required" },
  exec: { settings: Exec.settings, takes: "program" },
  who: { settings: Who.settings, takes: "flags" },
  control: { settings: Control.settings, takes: "words" },
  history: { settings: History.settings, takes: "word", needs: "a room is required" },
  search: { settings: Search.settings, takes: "query", needs: "words are required" }
}

const quoteRooms = "; a room needs quotes in a shell, where # begins a comment: '#ops'"

const asText = "; to send it as text, write -- before it"

/** A command line, its arguments separated by blanks or given as an array, and what is wrong with it. */
const table: ReadonlyArray<readonly [line: string | ReadonlyArray<string>, mistake: string | undefined]> = [
  ["", undefined],
  ["--help", undefined],
  ["sedn bob x", "unknown command sedn; did you mean send?"],
  ["--log-level debug serev", "unknown command serev; did you mean serve?"],
  [
    "constructor",
    "unknown command constructor; use one of 'serve', 'send', 'exec', 'who', 'control', 'history', 'search'"
  ],
  ["help", "unknown command help; did you mean --help?"],
  ["help send", "unknown command help; did you mean --help?"],
  ["version", "unknown command version; did you mean --version?"],
  ["--verson", "unknown flag --verson; did you mean --version?"],
  ["-x", "unknown flag -x; see a-chat --help"],

  ["serve --prot 1", "unknown flag --prot; did you mean --port?"],
  ["serve --prot=1", "unknown flag --prot; did you mean --port?"],
  ["serve --max_line 1", "unknown flag --max_line; did you mean --max-line?"],
  ["serve --hlep", "unknown flag --hlep; did you mean --help?"],
  ["serve --speed 1", "unknown flag --speed; see a-chat serve --help"],
  ["serve --help --prot 1", undefined],
  ["serve --PORT 1 --listen unix:a --listen unix:b", undefined],
  ["serve --port 1 --port 2", "--port is given twice"],
  ["serve --port=1 --port 2", "--port is given twice"],
  ["serve --port", "--port lacks its value"],
  ["serve --port --prot", undefined],
  ["who -j", "unknown flag -j; see a-chat who --help"],
  ["who bob", "unexpected argument bob; see a-chat who --help"],
  ["who --json yes --port 1", undefined],

  ["send", `recipients are required${quoteRooms}`],
  ["send --json --wait none", `recipients are required${quoteRooms}`],
  ["send --json -- bob hi", undefined],
  ["send --json --", `recipients are required${quoteRooms}`],
  ["send #ops hi", undefined],
  ["history --json", `a room is required${quoteRooms}`],
  ["history #ops --limit 5", undefined],
  ["history #ops #dev", "unexpected argument #dev; see a-chat history --help"],
  ["history -- bob --limit", "unexpected argument --limit; see a-chat history --help"],
  ["who -- bob", "unexpected argument bob; see a-chat who --help"],
  ["search", `words are required${quoteRooms}`],
  ["search disk --in", `--in lacks its value${quoteRooms}`],
  ["search --disk", "unknown flag --disk; see a-chat search --help; to search for it, write -- before it"],
  ["search disk --full", undefined],
  ["search disk --limt 5", "unknown flag --limt; did you mean --limit?; to search for it, write -- before it"],
  ["search -- --disk", undefined],

  ["send --retires 3 bob x", `unknown flag --retires; did you mean --retry?${asText}`],
  ["send bob --retires 3", `unknown flag --retires; did you mean --retry?${asText}`],
  ["send bob --foo", `unknown flag --foo; see a-chat send --help${asText}`],
  ["send bob -x", `unknown flag -x; see a-chat send --help${asText}`],
  ["send bob x --jsno", `unknown flag --jsno; did you mean --json?${asText}`],
  ["send bob x --port", `--port lacks its value${asText}`],
  ["send bob git commit --amend -m hi", undefined],
  ["send --login alice bob :-) --", undefined],
  ["send -- bob --retires 3", undefined],
  ["send bob -- --retires 3", undefined],
  [["send", "bob", "--- cut here ---"], undefined],
  [["send", "bob", "--retires is a typo"], undefined],
  ["send --retry 3 bob x --json --timeout=1s", undefined],

  ["control --socket c ban bob --for 1h --json", undefined],
  ["control ban bob --fro 1h", "unknown flag --fro; did you mean --for?"],
  ["control kick bob -x", "unknown flag -x; see a-chat control --help"],

  ["exec --login b --concurency 2 -- cat", "unknown flag --concurency; did you mean --concurrency?"],
  ["exec --login b -- cat --concurency", undefined],
  ["exec --login b cat --concurency --login", undefined]
]

describe("CommandLine.mistake", () => {
  for (const [line, expected] of table) {
    const args = typeof line === "string" ? line.split(" ").filter((arg) => arg !== "") : line
    it(`returns ${expected ?? "nothing"} for "${args.join(" ")}"`, () =>
      assert.strictEqual(
        CommandLine.mistake(args, Object.keys(commands), (name) => commands[name]),
        expected
      ))
  }
})

const parsed = (line: string, settings: CommandLine.CommandForm["settings"]) =>
  CommandLine.parse(line.split(" "), settings)

describe("CommandLine.parse", () => {
  it("finds flags anywhere before --, in any case, with their value beside them or after =", () =>
    assert.deepStrictEqual(
      parsed("--log-level debug send --login al bob hi --TIMEOUT=1s all -- --json", Send.settings),
      {
        flags: { login: "al", timeout: "1s" },
        words: ["bob", "hi", "all", "--json"]
      }
    ))

  it("takes a word for the value of a switch only if it is one", () => {
    assert.deepStrictEqual(parsed("send --json no bob", Send.settings), { flags: { json: "no" }, words: ["bob"] })
    assert.deepStrictEqual(parsed("send --json bob", Send.settings), { flags: { json: "yes" }, words: ["bob"] })
    assert.deepStrictEqual(parsed("send --json=off bob --auto", Send.settings), {
      flags: { json: "off", auto: "yes" },
      words: ["bob"]
    })
  })

  it("collects the values of a flag that may be repeated", () =>
    assert.deepStrictEqual(parsed("serve --listen unix:a --listen=unix:b", Serve.settings), {
      flags: { listen: ["unix:a", "unix:b"] },
      words: []
    }))

  it("leaves a program its arguments, which may look like flags", () => {
    const words = ["cat", "--login", "c", "-x", "--port"]
    for (const line of ["exec --login b -- cat --login c -x --port", "exec --login b cat --login c -x --port"])
      assert.deepStrictEqual(parsed(line, Exec.settings), { flags: { login: "b" }, words })
  })

  it("keeps an empty value", () =>
    assert.deepStrictEqual(parsed("who --port=", Who.settings), { flags: { port: "" }, words: [] }))
})

describe("a-chat", () => {
  for (const [args, mistake] of [
    [["conect"], "unknown command conect; did you mean connect?"],
    [["send", "--retires", "3", "bob", "x"], `unknown flag --retires; did you mean --retry?${asText}`],
    [["serve", "--port", "0", "--prot", "0"], "unknown flag --prot; did you mean --port?"],
    [["config", "--chek"], "unknown flag --chek; did you mean --check?"],
    [["who", "a\x1b[2J\nb"], "unexpected argument a\\x1b[2J\\nb; see a-chat who --help"]
  ] as const) {
    it.live(`exits with 2 for ${JSON.stringify(args)}`, () =>
      Effect.map(Program.run(args), (ended) =>
        assert.deepStrictEqual(ended, { status: 2, output: "", errors: `a-chat: ${mistake}\n` })
      )
    )
  }
})
