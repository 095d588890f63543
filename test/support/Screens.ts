import * as Effect from "effect/Effect"
import type { Display } from "../../src/terminal/Display.js"
import type { Key } from "../../src/terminal/Keys.js"
import { type LiveView } from "../../src/terminal/LiveRegion.js"
import { span } from "../../src/terminal/Row.js"
import { Screen } from "../../src/terminal/Screen.js"
import * as TerminalEmulator from "./TerminalEmulator.js"

export const display: Display = { colours: "none", unicode: true, reflow: "all" }

export const prompt: LiveView = { above: [], prompt: [span("> ")], text: "", cursor: 0 }

export const typed = (text: string, above: ReadonlyArray<string> = []): LiveView => ({
  above: above.map((row) => [span(row)]),
  prompt: [span("> ")],
  text,
  cursor: text.length
})

export const open = (options: TerminalEmulator.Options & { readonly display?: Display } = {}) =>
  Effect.gen(function* () {
    const terminal = TerminalEmulator.streams(options)
    const screen = new Screen(terminal.input, terminal.output, options.display ?? display)
    const keys: Array<Key> = []
    let view = prompt
    let gone = false
    yield* screen.open({ onKey: (key) => keys.push(key), onGone: () => (gone = true), view: () => view })
    const print = (...rows: ReadonlyArray<string>) => screen.print(rows.map((row) => [span(row)]))
    /** Shows another view, and waits until it stands there. */
    const shows = (next: LiveView) =>
      Effect.suspend(() => {
        view = next
        screen.changed()
        return drawn
      })
    const drawn = Effect.zipRight(
      Effect.promise(() => new Promise(setImmediate)),
      terminal.settled
    )
    return { ...terminal, screen, keys, print, shows, drawn, isGone: () => gone }
  })
