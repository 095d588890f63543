import { assert, describe, it } from "@effect/vitest"
import { choicesFor } from "../../src/web/model/SwitchChoices.js"
import { started } from "./ChatPage.js"
import { PlayedServer } from "./PlayedServer.js"

describe("where the user can go", () => {
  it("leads to the name that was typed rather than to a longer one", async () => {
    const server = new PlayedServer()
    server.write("#clock", "bob", "tick")
    server.write("bobby", "bobby", "hi")
    const { chat } = await started(server)
    const first = (typed: string) => choicesFor(chat, typed)[0]?.name
    assert.deepStrictEqual(["#c", "#clock", "#CLOCK", "c", "clo", "bob", "bobb", "bobby", "by"].map(first), [
      "#c",
      "#clock",
      "#clock",
      "#clock",
      "#clock",
      "bob",
      "bobb",
      "bobby",
      "bobby"
    ])
    assert.includeMembers(
      choicesFor(chat, "bobb").map(({ name }) => name),
      ["bobb", "bobby", "#bobb"]
    )
  })
})
