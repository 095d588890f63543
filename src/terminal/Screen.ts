import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Readable, Writable } from "node:stream"
import { room } from "../client/Output.js"
import type { Display } from "./Display.js"
import * as Keys from "./Keys.js"
import { LiveRegion, type LiveView, type TerminalSize } from "./LiveRegion.js"
import type * as Row from "./Row.js"

/** What a terminal reads from; `process.stdin`, when it is one. */
export type TerminalInput = Readable & { readonly setRawMode?: (raw: boolean) => unknown }

/** `process.stdout`, when it is a terminal. */
export type TerminalOutput = Writable & { readonly columns?: number; readonly rows?: number }

export interface Person {
  readonly onKey: (key: Keys.Key) => void
  /** The terminal is gone: nobody can type any more. */
  readonly onGone: () => void
  /** What stands below the scrollback; asked for when it is drawn. */
  readonly view: () => LiveView
}

/** Pasted text comes between marks, so that it is not taken for typed keys. */
const markPastes = "\x1b[?2004h"

/** No marks around pastes, rows that wrap, a cursor, no colour: however far we got. */
const restore = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"

const bell = "\x07"

const unstoppedMillis = 200

/**
 * A person's terminal: its own scrollback, and below it a few rows that are drawn again and again, the last of which
 * is the prompt. Nothing else writes to the terminal while it is open, and nothing but this, `LiveRegion` and `Row`
 * knows a control sequence.
 */
export class Screen {
  private readonly region: LiveRegion
  private view: () => LiveView = () => ({ above: [], prompt: [], text: "", cursor: 0 })
  private added: Array<Row.Row> = []
  private rings = false
  private isOpen = false
  private isSuspended = false
  private isDue = false

  constructor(
    private readonly input: TerminalInput,
    private readonly output: TerminalOutput,
    display: Display
  ) {
    this.region = new LiveRegion(display)
  }

  /** Takes the terminal; the end of the scope, or of the process, gives it back as it was. */
  open(person: Person): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.attach(person)),
      (detach) => Effect.zipRight(this.close, Effect.sync(detach))
    )
  }

  /** Adds rows above the prompt; once the terminal was given back, at its end. */
  print(rows: ReadonlyArray<Row.Row>): void {
    if (this.isOpen) {
      for (const row of rows) this.added.push(row)
      this.changed()
    } else this.output.write(this.region.written(rows, this.size, "\n"))
  }

  /** The view is another: it is drawn behind the keys and lines of this turn, so that a paste or a flood is drawn once. */
  changed(): void {
    if (this.isDue) return
    this.isDue = true
    queueMicrotask(() => {
      this.isDue = false
      if (!this.isOpen) return
      this.region.show(this.view())
      this.output.write((this.rings ? bell : "") + this.region.draw(this.takeAdded(), this.size))
      this.rings = false
    })
  }

  ring(): void {
    this.rings = true
    this.changed()
  }

  /** Moves everything into the scrollback. */
  clear(): void {
    if (this.isOpen) this.output.write(this.region.clear(this.size))
    this.changed()
  }

  /** Gives the terminal to the shell that started us, until that lets us go on (Ctrl-Z). */
  suspend(): void {
    this.release()
    this.isSuspended = true
    process.kill(process.pid, "SIGTSTP")
    // Without a shell that could let us go on, the system does not stop us at all.
    setTimeout(() => this.goOn(), unstoppedMillis).unref()
  }

  /** Waits until the terminal has taken what was written. */
  readonly flushed: Effect.Effect<void> = Effect.suspend(() => room(this.output))

  /** Takes the prompt away and gives the terminal back; `print` goes on working. Idempotent. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isSuspended = false
    this.release()
    this.input.pause()
  })

  private attach({ onGone, onKey, view }: Person): () => void {
    const { input, output } = this
    this.view = view
    const release = () => this.release()
    const resized = () => {
      this.region.resized(this.size)
      this.changed()
    }
    const continued = () => this.goOn()
    const stop = Keys.listen(input, onKey)
    input.on("end", onGone)
    input.on("error", onGone)
    output.on("resize", resized)
    process.on("exit", release)
    process.on("uncaughtExceptionMonitor", release) // before Node writes what it was, which is not to be erased
    process.on("SIGCONT", continued)
    this.take()
    this.changed()
    return () => {
      stop()
      input.off("end", onGone) // the one for errors stays: without a listener an error ends the process
      output.off("resize", resized)
      process.off("exit", release)
      process.off("uncaughtExceptionMonitor", release)
      process.off("SIGCONT", continued)
    }
  }

  /** Whoever had the terminal meanwhile may have changed it: it is taken anew, also from one who stopped us unasked. */
  private goOn() {
    if (!this.isOpen && !this.isSuspended) return
    this.isSuspended = false
    this.input.setRawMode?.(false) // or Node believes that there is nothing to do
    this.take()
    this.changed()
  }

  private take() {
    this.isOpen = true
    this.input.setRawMode?.(true)
    this.input.resume()
    this.output.write(markPastes)
  }

  /** Works also when the process is about to end, where nothing asynchronous does. */
  private release() {
    if (!this.isOpen) return
    this.isOpen = false
    this.output.write(this.region.erase(this.takeAdded(), this.size) + restore)
    this.input.setRawMode?.(false)
  }

  private takeAdded(): ReadonlyArray<Row.Row> {
    const { added } = this
    this.added = []
    return added
  }

  private get size(): TerminalSize {
    return { columns: Math.max(1, this.output.columns ?? 80), rows: Math.max(1, this.output.rows ?? 24) }
  }
}
