// A package for Debian and its relatives, built with dpkg-deb. Imported by main.mjs.
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createHash } from "node:crypto"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { gzipSync } from "node:zlib"
import { install, manifest } from "./tree.mjs"

const version = `${manifest.version}-1`

const maintainer = `${process.env.DEBFULLNAME ?? "a-chat contributors"} <${process.env.DEBEMAIL ?? "a-chat@localhost"}>`

const control = (kilobytes) => `Package: a-chat
Version: ${version}
Architecture: all
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: nodejs (${manifest.engines.node.replace(/^>=/u, ">= ")})
Section: net
Priority: optional
Description: chat server and message router with a line protocol
 A chat server whose protocol is lines of text, so that nc is a client, and
 its clients: a terminal client, and commands for scripts and bots.
 .
 No message is lost silently: the server writes every line that it accepts
 to the recipient, or returns it to the sender with the reason.
 .
 The service is installed but not started:
 systemctl enable --now a-chat.socket
`

/** The changes of the package. Those of the program are in the other change log. */
const changelog = (time) => `a-chat (${version}) unstable; urgency=medium

  * Release ${manifest.version}.

 -- ${maintainer}  ${time.toUTCString().replace("GMT", "+0000")}
`

/**
 * V8's compiled code halves the start-up time, and belongs to one version of Node: it is made here, and again when Node
 * is upgraded. The program runs without it.
 */
const postinst = `#!/bin/sh
set -e
node /usr/lib/a-chat/code-cache.mjs /usr/lib/a-chat >/dev/null 2>&1 || rm -f /usr/lib/a-chat/*.cache
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  if [ "$1" = configure ] && [ -n "$2" ]; then systemctl try-restart a-chat.service || true; fi
fi
`

const prerm = `#!/bin/sh
set -e
if [ "$1" = remove ]; then
  rm -f /usr/lib/a-chat/*.cache
  if [ -d /run/systemd/system ]; then systemctl disable --now a-chat.socket a-chat.service || true; fi
fi
`

const postrm = `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
`

const triggers = "interest-noawait /usr/bin/node\n"

const filesIn = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))

const kilobytesOf = (root) =>
  Math.ceil(filesIn(root).reduce((sum, file) => sum + statSync(join(root, file)).size, 0) / 1024)

/** Everybody may read what is installed, whatever the umask of the builder. */
const allowReading = (root) => {
  chmodSync(root, 0o755)
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) chmodSync(path, 0o755)
    if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}

/** Builds the package into a directory, and returns its path. @param epoch the time of every file in it, in seconds */
export const build = (directory, epoch) => {
  const root = mkdtempSync(join(tmpdir(), "a-chat-deb-"))
  const time = new Date(epoch * 1000)
  try {
    install(root, time.toISOString().slice(0, 10))
    writeFileSync(join(root, "usr/share/doc/a-chat/changelog.Debian.gz"), gzipSync(changelog(time), { level: 9 }))
    const manual = join(root, "usr/share/man/man1")
    for (const page of readdirSync(manual)) {
      writeFileSync(join(manual, `${page}.gz`), gzipSync(readFileSync(join(manual, page)), { level: 9 }))
      rmSync(join(manual, page))
    }
    const sums = filesIn(root).map(
      (file) =>
        `${createHash("md5")
          .update(readFileSync(join(root, file)))
          .digest("hex")}  ${file}\n`
    )
    const kilobytes = kilobytesOf(root)
    mkdirSync(join(root, "DEBIAN"))
    const about = { control: control(kilobytes), conffiles: "/etc/a-chat.toml\n", triggers, md5sums: sums.join("") }
    for (const [name, text] of Object.entries(about)) writeFileSync(join(root, "DEBIAN", name), text)
    for (const [name, text] of Object.entries({ postinst, prerm, postrm })) {
      writeFileSync(join(root, "DEBIAN", name), text, { mode: 0o755 })
    }
    allowReading(root)
    mkdirSync(directory, { recursive: true })
    const file = join(directory, `a-chat_${version}_all.deb`)
    execFileSync("dpkg-deb", ["--root-owner-group", "--build", root, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
      stdio: ["ignore", "ignore", "inherit"]
    })
    return file
  } finally {
    rmSync(root, { recursive: true })
  }
}
