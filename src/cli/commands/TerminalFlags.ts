import * as TypedLine from "../../terminal/TypedLine.js"
import * as Setting from "../settings/Setting.js"

/** The flags of the client at a terminal. The settings file of the clients may have them, too. */
export const settings = {
  bell: Setting.choice(
    "bell",
    { about: "Which messages ring the terminal: all, or only those that mention you", default: "on" },
    TypedLine.extents
  ),
  history: Setting.choice(
    "history",
    { about: "Whether lines typed at a terminal are kept in your history file", default: "on" },
    ["on", "off"]
  )
}
