import type { SimulatedLoop } from "../SimulatedLoop.js"
import type { SaidLine, Sitting } from "./StoreHistory.js"
import type { StoreStep } from "./StoreStep.js"

/** What clients send: lines, some of them again under their labels, and commands. */
export class SittingLines {
  /** The labelled lines that each client has sent last with `once`. */
  private readonly lastSaid = new Map<number, ReadonlyArray<SaidLine>>()

  constructor(private readonly loop: SimulatedLoop) {}

  /** Sends a command with a label, if its reply is checked. */
  ask({ asked, socket }: Sitting, line: string, label: string) {
    const isChecked = /^\/(?:join|leave|rooms|history|search|read|conversations)/u.test(line)
    if (isChecked) asked.set(label, { line, turn: this.loop.turn })
    socket.send(`${isChecked ? `@${label} ` : ""}${line}\n`)
  }

  say(sitting: Sitting, step: Extract<StoreStep, { do: "say" }>, place: number) {
    const { count, labelled, size, to } = step
    const lines = Array.from({ length: count }, (_, index) => ({
      label: labelled ? `k${place}.${index}` : undefined,
      text: `<${place}.${index}>${"x".repeat(size)}`,
      to,
      isAgain: false,
      at: this.loop.now
    }))
    if (labelled && isOnce(sitting)) this.lastSaid.set(sitting.who, lines)
    send(sitting, lines)
  }

  sayAgain(sitting: Sitting, altered: boolean, place: number) {
    if (!isOnce(sitting)) return
    const lines = (this.lastSaid.get(sitting.who) ?? []).map((line, index) => ({
      ...line,
      text: altered ? `<${place}.${index}>altered` : line.text,
      isAgain: true,
      at: this.loop.now
    }))
    send(sitting, lines)
  }
}

/** Whether the labels of its lines are remembered with them. */
const isOnce = ({ isAccount, words }: Sitting) => isAccount && words.includes("once")

const send = ({ said, socket }: Sitting, lines: ReadonlyArray<SaidLine>) => {
  said.push(...lines)
  socket.send(
    lines.map(({ label, text, to }) => `${label === undefined ? "" : `@${label} `}${to.join(", ")}: ${text}\n`).join("")
  )
}

/** The pong shows that the server has handled the acknowledgement. */
export const acknowledge = (sitting: Sitting, which: "all" | "half" | "next") => {
  if (!sitting.words.includes("ack") || sitting.socket.isOver) return
  const before = sitting.acknowledged
  sitting.acknowledged = sitting.socket.acknowledge(which)
  if (sitting.acknowledged > before) sitting.socket.send(`/ping a${sitting.acknowledged}\n`)
}
