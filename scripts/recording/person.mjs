// A program in a pseudo-terminal, and the screen that its user sees. Imported, not run.
import Xterm from "@xterm/headless"
import { spawn } from "node:child_process"

const patience = 20_000

const quoted = (word) => `'${word.replaceAll("'", `'\\''`)}'`

export const open = ({ columns, command, cwd, rows }) => {
  const terminal = new Xterm.Terminal({ cols: columns, rows, scrollback: 1_000, allowProposedApi: true })
  const shell = `stty cols ${columns} rows ${rows}; exec ${command.map(quoted).join(" ")}`
  const env = { PATH: process.env.PATH, SHELL: "/bin/sh", TERM: "xterm-256color", LANG: "C.UTF-8", TZ: "UTC" }
  const child = spawn("script", ["-qefc", shell, "/dev/null"], { cwd, env, stdio: ["pipe", "pipe", "inherit"] })
  const lookers = new Set()
  child.stdout.on("data", (bytes) => terminal.write(bytes, () => lookers.forEach((look) => look())))

  const { active } = terminal.buffer
  const text = () => {
    const lines = Array.from(
      { length: active.baseY + rows },
      (_, at) => active.getLine(at)?.translateToString(true) ?? ""
    )
    return lines.join("\n").replace(/\n+$/u, "")
  }

  /** Waits until the screen matches. */
  const sees = (pattern) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not seen: ${pattern}\n${text()}`)), patience)
      const look = () => {
        if (!pattern.test(text())) return
        clearTimeout(timer)
        lookers.delete(look)
        resolve()
      }
      lookers.add(look)
      look()
    })

  /** The rows of the screen as runs of cells that look the same, and the cursor. */
  const screen = () => {
    const drawn = Array.from({ length: rows }, (_, at) => runs(active.getLine(active.baseY + at), columns))
    return { rows: drawn, cursor: { row: active.cursorY, column: active.cursorX } }
  }

  return {
    sees,
    screen,
    settled: () => new Promise((resolve) => terminal.write("", resolve)),
    types: (keys) => child.stdin.write(keys),
    close: () => child.kill("SIGKILL")
  }
}

const runs = (line, columns) => {
  const found = []
  for (let column = 0; column < columns; column++) {
    const cell = line.getCell(column)
    if (cell.getWidth() === 0) continue
    const look = {
      colour: cell.isFgDefault() ? undefined : cell.getFgColor(),
      bold: cell.isBold() !== 0,
      dim: cell.isDim() !== 0
    }
    const last = found.at(-1)
    const text = cell.getChars() || " "
    if (last !== undefined && JSON.stringify(last.look) === JSON.stringify(look)) {
      last.text += text
      last.width += cell.getWidth()
    } else found.push({ column, look, text, width: cell.getWidth() })
  }
  return found.filter(({ text }) => text.trim() !== "")
}
