import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ctrl, enter, tab } from "../support/MemoryTerminal.js"
import { alt, altLeft, altRight, start } from "../support/TerminalRooms.js"

describe("conversations at the terminal", () => {
  it.scopedLive("counts a flood in a muted room, and draws nothing for it", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"] } })
      yield* alice.sees("#web 1 —")
      yield* alice.types(`${alt("1")}/mute web${enter}`)
      yield* alice.sees(/#web is muted; .*\n#ops › $/u)
      yield* alice.settled
      const before = alice.written().length
      const lines = Array.from({ length: 5_000 }, (_, at) => `from bob #web seq=${at + 2} at=${at + 2}: line ${at}`)
      yield* server.says(lines.join("\n"))
      yield* server.posts("#ops", "bob", "the end")
      yield* alice.sees(/#ops bob › the end\n#ops › $/u)
      assert.isBelow(alice.written().length - before, 500)
      yield* alice.types(`/go${enter}`)
      yield* alice.sees("2 #web — 5001 unread, muted")
    })
  )

  it.scopedLive("knows 10,000 members of a room, and names 500", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 10_000 }, (_, at) => `member-${at}`)
      const { alice } = yield* start({
        kept: { "#ops": ["bob: hi"] },
        answer: (line) => {
          const [at] = line.split(" ")
          if (!line.includes("/members")) return undefined
          const parts = Array.from({ length: 40 }, (_, part) => names.slice(part * 250, (part + 1) * 250).join(", "))
          const label = at?.startsWith("@") === true ? ` ${at}` : ""
          return [
            ...parts.map((part) => `* members${label} #ops 10000 here=2: ${part}`),
            `* end${label} members #ops: x`
          ]
        }
      })
      yield* alice.sees("#ops 1 —")
      yield* alice.types(alt("a"))
      yield* alice.sees(/› hi\n#ops › $/u)
      yield* alice.types(`member-9999${tab}`)
      yield* alice.sees(/#ops › member-9999 $/u)
      yield* alice.types(`${ctrl("u")}/members${enter}`)
      yield* alice.sees(/· #ops: 2 here: member-0, member-1; 9998 away: member-2, [^]*member-499\s+and\s+9500\s+more/u)
    })
  )

  it.scopedLive("fits into 20 columns, with a hundred conversations", () =>
    Effect.gen(function* () {
      const rooms = Array.from(
        { length: 100 },
        (_, at) => [`#r${String(at + 1).padStart(3, "0")}`, ["bob: hi"]] as const
      )
      const { alice } = yield* start({ kept: Object.fromEntries(rooms), terminal: { columns: 20, rows: 5 } })
      yield* alice.sees(/\n#r001 1 · #r002 1 ·.*\n› $/u)
      for (let at = 0; at < 100; at++) yield* alice.types(alt("a"))
      yield* alice.sees(/#r100 › $/u)
      yield* alice.types(`${altRight}${altLeft}${altLeft}`)
      yield* alice.sees(/#r099 › $/u)
      yield* alice.types("some text")
      yield* alice.sees(/#r099 › some text$/u)
      for (const row of alice.rows()) assert.isAtMost(row.length, 20)
    })
  )
})
