import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Readable, Writable } from "node:stream"
import { drained } from "../client/Output.js"
import type { Display } from "./Display.js"
import * as Keys from "./Keys.js"
import { LiveRegion, type LiveView, type TerminalSize } from "./LiveRegion.js"
import type * as Row from "./Row.js"

/** The input of a terminal: `process.stdin`, if it is one. */
export type TerminalInput = Readable & { readonly setRawMode?: (raw: boolean) => unknown }

/** The output of a terminal: `process.stdout`, if it is one. */
export type TerminalOutput = Writable & { readonly columns?: number; readonly rows?: number }

/**
 * The size of a terminal that reports none, as some serial lines and containers do: `COLUMNS` and `LINES`, or 80x24.
 */
export const fallbackSize = (environment: Readonly<Record<string, string | undefined>>): TerminalSize => ({
  columns: positive(environment["COLUMNS"]) ?? 80,
  rows: positive(environment["LINES"]) ?? 24
})

const positive = (text = ""): number | undefined => (/^0*[1-9]\d{0,4}$/u.test(text) ? Number(text) : undefined)

export interface ScreenEvents {
  readonly onKey: (key: Keys.Key) => void
  /** Called when the terminal gains or loses the focus. Without it, the terminal is not asked to report that. */
  readonly onFocus?: ((isFocused: boolean) => void) | undefined
  /** The terminal is gone; no more keys will arrive. */
  readonly onGone: () => void
  /** Returns what to draw below the scrollback. */
  readonly view: () => LiveView
}

/** Turns on bracketed paste: the terminal marks pasted text, so that it is not mistaken for typed keys. */
const markPastes = "\x1b[?2004h"

/** Makes the terminal send `CSI I` when it gets the focus, and `CSI O` when it loses it (xterm). */
const reportFocus = "\x1b[?1004h"

/** Restores everything that may have been changed: bracketed paste off, wrapping on, cursor shown, no colour. */
const restore = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"

const ignoreFocus = "\x1b[?1004l"

const bell = "\x07"

const unstoppedMillis = 200

/**
 * The user's terminal: its own scrollback, and below it a few rows that are redrawn, the last of which is the prompt.
 * Nothing else writes to the terminal while this is open. Only this class, `LiveRegion`, `Row` and
 * `DesktopNotification` use control sequences.
 */
export class Screen {
  private readonly region: LiveRegion
  private view: () => LiveView = () => ({ above: [], prompt: [], text: "", cursor: 0 })
  private added: Array<Row.Row> = []
  private rings = false
  private notification = ""
  private reportsFocus = false
  private isOpen = false
  private isSuspended = false
  private isDue = false

  constructor(
    private readonly input: TerminalInput,
    private readonly output: TerminalOutput,
    display: Display,
    private readonly fallback: TerminalSize = fallbackSize({})
  ) {
    this.region = new LiveRegion(display)
  }

  /** Takes over the terminal. The end of the scope or of the process restores it. */
  open(events: ScreenEvents): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.attach(events)),
      (detach) => Effect.zipRight(this.close, Effect.sync(detach))
    )
  }

  /** Adds rows above the prompt, or at the end of the output once the terminal is released. */
  print(rows: ReadonlyArray<Row.Row>): void {
    if (this.isOpen) {
      for (const row of rows) this.added.push(row)
      this.changed()
    } else this.output.write(this.region.written(rows, this.size, "\n"))
  }

  /** Redraws at the end of this turn, so that a paste or a flood is drawn only once. */
  changed(): void {
    if (this.isDue) return
    this.isDue = true
    queueMicrotask(() => {
      this.isDue = false
      if (!this.isOpen) return
      this.region.show(this.view())
      const signals = (this.rings ? bell : "") + this.notification
      const written = signals + this.region.draw(this.takeAdded(), this.size)
      if (written !== "") this.output.write(written)
      this.rings = false
      this.notification = ""
    })
  }

  ring(): void {
    this.rings = true
    this.changed()
  }

  /** @param sequence a notification for the desktop, which replaces one that was not written yet */
  notify(sequence: string): void {
    this.notification = sequence
    this.changed()
  }

  /** Moves everything into the scrollback. */
  clear(): void {
    if (this.isOpen) this.output.write(this.region.clear(this.size))
    this.changed()
  }

  /** Stops the process and returns the terminal to the shell, until the shell continues the process (Ctrl-Z). */
  suspend(): void {
    this.release()
    this.isSuspended = true
    process.kill(process.pid, "SIGTSTP")
    // The kernel does not stop a process that has no shell to continue it.
    setTimeout(() => this.goOn(), unstoppedMillis).unref()
  }

  /** Waits until the terminal has taken everything written. */
  readonly flushed: Effect.Effect<void> = Effect.suspend(() => drained(this.output))

  /** Removes the prompt and releases the terminal; `print` still works. Idempotent. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isSuspended = false
    this.release()
    this.input.pause()
  })

  private attach({ onFocus, onGone, onKey, view }: ScreenEvents): () => void {
    const { input, output } = this
    this.view = view
    this.reportsFocus = onFocus !== undefined
    const release = () => this.release()
    const resized = () => {
      this.region.resized(this.size)
      this.changed()
    }
    const continued = () => this.goOn()
    const stop = Keys.listen(input, onKey, onFocus)
    input.on("end", onGone)
    input.on("error", onGone)
    output.on("resize", resized)
    process.on("exit", release)
    process.on("uncaughtExceptionMonitor", release) // before Node prints the error, which must not be erased
    process.on("SIGCONT", continued)
    this.take()
    this.changed()
    return () => {
      stop()
      input.off("end", onGone) // the 'error' listener stays: without one, an error would end the process
      output.off("resize", resized)
      process.off("exit", release)
      process.off("uncaughtExceptionMonitor", release)
      process.off("SIGCONT", continued)
    }
  }

  /**
   * Takes over the terminal again. After a stop, including one by SIGSTOP, other programs may have changed its mode.
   */
  private goOn() {
    if (!this.isOpen && !this.isSuspended) return
    this.isSuspended = false
    this.input.setRawMode?.(false) // otherwise Node assumes that raw mode is still on and does nothing
    this.take()
    this.changed()
  }

  private take() {
    this.isOpen = true
    this.region.invalidate()
    this.input.setRawMode?.(true)
    this.input.resume()
    this.output.write(markPastes + (this.reportsFocus ? reportFocus : ""))
  }

  /** Synchronous, so that it works when the process is about to end. */
  private release() {
    if (!this.isOpen) return
    this.isOpen = false
    const restored = (this.reportsFocus ? ignoreFocus : "") + restore
    this.output.write(this.region.erase(this.takeAdded(), this.size) + restored)
    this.input.setRawMode?.(false)
  }

  private takeAdded(): ReadonlyArray<Row.Row> {
    const { added } = this
    this.added = []
    return added
  }

  get rows(): number {
    return this.size.rows
  }

  /** A size of 0 means that the terminal has none. */
  private get size(): TerminalSize {
    const { fallback, output } = this
    return { columns: output.columns || fallback.columns, rows: output.rows || fallback.rows }
  }
}
