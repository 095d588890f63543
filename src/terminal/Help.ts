import type { Marks } from "./Display.js"
import { span, type Row } from "./Row.js"
import * as TypedLine from "./TypedLine.js"

/** The rows of `/help`. */
const roomKeys = [
  ["Alt-1 to Alt-9", "go to a conversation by its number; Alt-Left, Alt-Right: to the one beside"],
  ["Alt-A, PageUp", "go to the next one with unread lines; show earlier lines"]
]

export const rows = (marks: Marks, hasRooms: boolean): ReadonlyArray<Row> =>
  [
    ["name: text", "sends text to name; `bob, carol: text` to both; later lines go to the same names"],
    ...(hasRooms ? [["#room: text", "sends text to a room; what is unread elsewhere is listed above the prompt"]] : []),
    [" text", "sends the text to the same names, whatever it contains"],
    ...TypedLine.commands(hasRooms),
    ...(hasRooms ? roomKeys : []),
    ["Tab, Up, Down", "complete a name or a command; recall earlier lines"],
    ["Ctrl-R, Ctrl-C", "search earlier lines; clear the line, and leave if it is empty"],
    [`${marks.pending} ${marks.written} ${marks.returned}`, "sent; delivered to the recipient or stored; returned"],
    [marks.received, "received by the recipient's program, or by a device of its account"],
    ...(hasRooms
      ? [["", `a line to a room only gets ${marks.written}: the server does not report who has received it`]]
      : [])
  ].map(([usage = "", about = ""]): Row => [span(`${usage} `.padEnd(16), "strong"), span(about)])
