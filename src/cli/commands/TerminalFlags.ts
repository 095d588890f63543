import * as DesktopNotification from "../../terminal/DesktopNotification.js"
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
  ),
  notify: Setting.text("notify", "command", {
    about:
      "Shell command that notifies you of a message while the terminal does not have the focus: the text is its " +
      "standard input, ACHAT_FROM the sender",
    default: undefined
  }),
  notifyOsc: Setting.choice(
    "notify-osc",
    {
      about:
        "Control sequence with which the terminal shows a message on the desktop while it does not have the focus: " +
        "OSC 9 or 777; auto chooses by the terminal",
      default: "auto"
    },
    ["auto", ...DesktopNotification.oscNumbers, "off"]
  ),
  notifyFor: Setting.choice(
    "notify-for",
    { about: "Which messages you are notified of: all, or only those that mention you", default: "all" },
    ["all", "mentions"]
  ),
  logDir: Setting.text("log-dir", "folder", {
    about: "Folder in which your conversations at a terminal are logged, a file for each",
    default: undefined,
    defaultText: "no log"
  })
}
