import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as AccountCommands from "../../src/accounts/AccountCommands.js"
import * as PastCommands from "../../src/conversations/PastCommands.js"
import * as SearchCommand from "../../src/conversations/SearchCommand.js"
import { builtIn } from "../../src/chat/Commands.js"
import * as Fate from "../../src/protocol/Fate.js"
import * as HelloWord from "../../src/protocol/HelloWord.js"
import * as Reply from "../../src/protocol/Reply.js"
import * as RoomCommands from "../../src/rooms/RoomCommands.js"

const document = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8")
const [, section6 = ""] = document.split("\n## 6. Commands\n")
const flat = document.replaceAll(/\s+/gu, " ")

/** The first cells of the tables in a text. */
const firstCells = (text: string) => Array.from(text.matchAll(/^\| `([^`]+)`/gmu), ([, cell = ""]) => cell)

describe("PROTOCOL.md", () => {
  it("has a row for each command of the table, and no other", () => {
    const commands = firstCells(section6).filter((cell) => cell.startsWith("/"))
    assert.sameMembers(
      commands,
      [...builtIn(), ...AccountCommands.rows, ...RoomCommands.rows, ...PastCommands.rows, SearchCommand].map(
        ({ usage }) => usage
      )
    )
  })

  it("has a row for each word after /hello, and no other", () => {
    const [, table = ""] = section6.split(/^\| word /mu)
    assert.deepStrictEqual(firstCells(table.split("\n\n")[0] ?? ""), [...HelloWord.basic])
  })

  it("has a row for each word that is about kept lines, and no other", () => {
    const [, table = ""] = (document.split("\n## 10. Kept lines\n")[1] ?? "").split(/^\| word /mu)
    assert.deepStrictEqual(firstCells(table.split("\n\n")[0] ?? ""), [...HelloWord.kept])
  })

  it("has the ledger with every fate", () => {
    assert.include(flat, `\`accepted = ${Fate.all.join(" + ")} + in flight\``)
    for (const fate of Fate.all) assert.include(flat, `_${fate}_`)
  })

  it("has a line for the outcome of every fate that delivers, and for no other", () => {
    const outcomes = Array.from(document.matchAll(/^\| `\* ([a-z]+) @LABEL NAME/gmu), ([, code = ""]) => code)
    assert.sameMembers(outcomes, [...Fate.delivered])
  })

  it("has every code of the server's lines", () => {
    for (const code of Reply.refusals) assert.include(document, `! ${code}`)
    for (const code of Reply.notices) assert.include(document, `* ${code}`)
  })
})
