import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { eventually } from "./Eventually.js"
import * as TerminalEmulator from "./TerminalEmulator.js"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Why no pseudo-terminal is available; undefined if one is. */
export const missing: string | undefined =
  spawnSync("script", ["--version"]).stdout?.includes("util-linux") === true &&
  spawnSync("stty", ["--version"]).stdout?.includes("coreutils") === true
    ? undefined
    : "needs `script` of util-linux and `stty` of coreutils"

/** The built program in a pseudo-terminal, with an emulator attached. */
export interface Pty extends TerminalEmulator.Emulator {
  readonly types: (keys: string) => Effect.Effect<void>
  /**
   * Resizes the emulator and then, at once, the pseudo-terminal, which notifies the program: what the program draws in
   * between is meant for the old size.
   */
  readonly resizes: (columns: number, rows: number) => Effect.Effect<void>
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Closes the terminal window, with the program in it. */
  readonly closes: Effect.Effect<void>
  /** Waits for the end; returns the exit status, and the mode in which the terminal was left. */
  readonly ended: Effect.Effect<{ readonly status: string; readonly isRaw: boolean }>
}

/**
 * The shell's script: prints the terminal and the process id, runs the program, prints its status and the terminal's
 * mode.
 */
const session = (columns: number, rows: number) => `stty cols ${columns} rows ${rows}
echo "tty $(tty)"
sh -c 'echo "pid $$"; exec "$0" "$@"' "$@"
echo "status $?"
stty -a | tr '\\n' ' ' | tr ';' '\\n' | grep icanon`

/** Sets the size of a terminal (TIOCSWINSZ) for each line of the input. To start `stty` takes much longer than this. */
const resize = `$| = 1;
open(my $terminal, "+<", $ARGV[0]) or die $!;
while (<STDIN>) {
  my ($columns, $rows) = split;
  ioctl($terminal, 0x5414, pack("S4", $rows, $columns, 0, 0)) or die $!;
  print "done\\n";
}`

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

export const start = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  /** The size that the terminal reports; 0 for none. The emulator's is 80x24 then. */
  { columns, rows }: { readonly columns: number; readonly rows: number } = { columns: 80, rows: 24 },
  /** A program that executes the command in its last arguments. */
  through: ReadonlyArray<string> = []
): Effect.Effect<Pty, never, Scope.Scope> =>
  Effect.gen(function* () {
    const emulator = TerminalEmulator.make({ columns: columns || 80, rows: rows || 24 })
    const node = [process.execPath, "--require", path("crash-on-signal.cjs"), path("../../dist/main.js")]
    const command = [...through, ...node, ...args]
    const shell = ["sh", "-c", session(columns, rows), "sh", ...command].map(quoted).join(" ")
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const env = {
          PATH: process.env["PATH"],
          TERM: "xterm-256color",
          LANG: "C.UTF-8",
          SHELL: "/bin/sh",
          ...environment
        }
        return spawn("script", ["-qefc", shell, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] })
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL")) // which hangs up the terminal
    )
    child.stdin.on("error", () => {}) // it may end first
    child.stdout.on("data", (bytes: Buffer) => emulator.feed(bytes))
    // What was written, not what is on the screen: a program such as tmux may already have taken that over.
    const told = (pattern: RegExp) =>
      Effect.map(
        eventually(() => pattern.test(emulator.written()), `not written: ${pattern}`),
        () => pattern.exec(emulator.written())?.[1] ?? ""
      )
    const terminal = yield* told(/tty (\/dev\/\S+)/u)
    const pid = Number(yield* told(/pid (\d+)/u))
    const resizer = yield* Effect.acquireRelease(
      Effect.sync(() => spawn("perl", ["-e", resize, terminal], { stdio: ["pipe", "pipe", "inherit"] })),
      (resizer) => Effect.sync(() => resizer.kill("SIGKILL"))
    )
    return {
      ...emulator,
      types: (keys) => Effect.sync(() => child.stdin.write(keys)),
      resizes: (columns, rows) =>
        Effect.zipRight(
          emulator.settled,
          Effect.promise(async () => {
            const done = once(resizer.stdout, "data")
            emulator.resize(columns, rows)
            resizer.stdin.write(`${columns} ${rows}\n`)
            await done
          })
        ),
      pid,
      closes: Effect.sync(() => child.kill("SIGKILL")),
      kill: (signal) => Effect.sync(() => process.kill(pid, signal)),
      ended: Effect.map(emulator.sees(/status \d+\n[^]*icanon/u), () => ({
        status: /status (\d+)/u.exec(emulator.written())?.[1] ?? "",
        isRaw: emulator.written().includes("-icanon")
      }))
    }
  })
