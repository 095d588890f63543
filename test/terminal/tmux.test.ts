import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Width from "../../src/terminal/Width.js"
import { eventually } from "../support/Eventually.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const missing = spawnSync("tmux", ["-V"]).error === undefined ? undefined : "needs tmux"

/** A tmux server of its own, whose panes run `cat` in a UTF-8 locale. */
const pane = Effect.gen(function* () {
  const socket = join(yield* temporaryFolder, "tmux")
  const env = { ...process.env, LC_ALL: "C.UTF-8", TERM: "xterm-256color", TMUX: "" }
  const tmux = (...args: ReadonlyArray<string>) =>
    execFileSync("tmux", ["-u", "-S", socket, "-f", "/dev/null", ...args], { env, encoding: "utf8" })
  yield* Effect.acquireRelease(
    Effect.sync(() => tmux("new-session", "-d", "-x", "200", "-y", "10", "stty -echo; printf ready; exec cat")),
    () => Effect.sync(() => tmux("kill-server"))
  )
  const shown = () => tmux("capture-pane", "-p").trim()
  yield* eventually(() => shown() === "ready", "tmux shows nothing")
  /** The column of the cursor after a text. */
  return (text: string): Effect.Effect<number> =>
    Effect.gen(function* () {
      tmux("send-keys", "-R", "-t", "0", "-l", `${text}END`)
      tmux("send-keys", "-t", "0", "C-d")
      yield* eventually(() => shown().endsWith("END"), `tmux does not show ${text}`)
      return Number(tmux("display-message", "-p", "#{cursor_x}")) - "END".length
    })
})

/** Words in scripts whose marks are beside, above, below and around their letters. */
const words: Readonly<Record<string, string>> = {
  Arabic: "می\u200cخواهم مُحَمَّد",
  Bengali: "বাংলা ক্ষুদ্র",
  Burmese: "မြန်မာဘာသာ",
  Balinese: "ᬩᬮᬶ ᬅᬓ᭄ᬱᬭ",
  Chinese: "中文，漢字。",
  Devanagari: "हिन्दी क्षत्रिय नि",
  Gujarati: "ગુજરાતી",
  Gurmukhi: "ਪੰਜਾਬੀ",
  Hebrew: "שָׁלוֹם",
  Javanese: "ꦗꦮ ꦲꦏ꧀ꦱꦫ",
  Japanese: "日本語 カタカナ ﾊﾝｶｸ",
  Kannada: "ಕನ್ನಡ ಕ್ಷೌರ",
  Khmer: "ខ្មែរ ភាសាខ្មែរ",
  Korean: "한국어",
  "Korean in jamo": "한국어".normalize("NFD"),
  Lao: "ພາສາລາວ ກຳ",
  Latin: "grüße Ångström e\u0301",
  Malayalam: "മലയാളം കൊച്ചി",
  Mongolian: "ᠮᠣᠩᠭᠣᠯ",
  Oriya: "ଓଡ଼ିଆ",
  Sinhala: "සිංහල ලංකාව",
  Sundanese: "ᮞᮥᮔ᮪ᮓ",
  Tamil: "தமிழ் கொடு",
  Telugu: "తెలుగు క్షౌరం",
  Thai: "ภาษาไทย ทำ น้ำ",
  Tibetan: "བོད་སྐད ཧྐྵྨླྺྼྻྂ",
  emoji: "👍 👩\u200d💻 🇩🇪",
  symbols: "… ‹ › — · ✓ ✗"
}

describe.skipIf((missing ?? Pty.missing) !== undefined)(`connect in tmux (${missing ?? Pty.missing ?? "tmux"})`, () => {
  it.scopedLive("notifies the user through tmux, once tmux reports that the focus is lost", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [socket, settings] = [join(folder, "tmux"), join(folder, "tmux.conf")]
      writeFileSync(settings, "set -g allow-passthrough on\nset -g focus-events on\n")
      const { port } = yield* LocalServer.start()
      const tmux = ["tmux", "-u", "-S", socket, "-f", settings, "new-session"]
      const args = ["connect", "--port", port, "--login", "alice", "--history", "off"]
      const alice = yield* Pty.start(args, { HOME: folder }, undefined, tmux)
      yield* Effect.addFinalizer(() => Effect.sync(() => spawnSync("tmux", ["-S", socket, "kill-server"])))
      yield* alice.sees("as alice")
      const bob = yield* Program.start(["connect", "--port", port, "--login", "bob"])
      const notifies = (text: string) => {
        const sequence = `\x1b]777;notify;bob mentions you;${text}\x07`
        return eventually(() => alice.written().includes(sequence), `tmux passed nothing on: ${text}`)
      }
      // tmux passes on a change of the focus before the keys that follow it. When it first reports it, is up to tmux.
      yield* alice.types("\x1b[O ")
      yield* alice.types("gone")
      yield* alice.sees("gone")
      bob.input.write("alice: hi alice\n")
      yield* notifies("hi alice")
      yield* alice.types("\x1b[I ")
      yield* alice.types("back")
      yield* alice.sees("back")
      bob.input.write("alice: you look, alice\n")
      yield* alice.sees("bob » you look, alice")
      yield* alice.types("\x1b[O ")
      yield* alice.types("again")
      yield* alice.sees("again")
      bob.input.write("alice: alice?\n")
      // It would say that there was another one.
      yield* notifies("alice?")
      assert.notInclude(alice.written(), "you look, alice\x07")
    })
  )
})

describe.skipIf(missing !== undefined)(`widths in tmux (${missing ?? "tmux"})`, () => {
  it.scopedLive("are those that the client expects, and never more than the greatest", () =>
    Effect.gen(function* () {
      const columnsIn = yield* pane
      for (const [script, text] of Object.entries(words)) {
        const columns = yield* columnsIn(text)
        assert.strictEqual(Width.columns(text), columns, script)
        const most = Width.graphemes(text).reduce((sum, grapheme) => sum + Width.most(grapheme, false), 0)
        assert.isAtLeast(most, columns, script)
      }
    })
  )

  it.scopedLive("of emoji that tmux does not know are at most the greatest", () =>
    Effect.gen(function* () {
      const columnsIn = yield* pane
      for (const text of ["👍🏽", "❤\ufe0f", "1\ufe0f\u20e3", "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿", "☎\ufe0e"]) {
        assert.isAtMost(yield* columnsIn(text), Width.most(text, false), text)
      }
    })
  )
})
