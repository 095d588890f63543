/** The number of unread lines, in the title and on the icon of the page. */

const size = 64

/** Higher numbers have no room. */
const most = 99

const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]")
const plain = icon?.getAttribute("href") ?? ""

/** A line that is read at once would change the title and the icon twice, which costs as much as drawing the line. */
const settleMillis = 100

let wanted: readonly [unread: number, where: string | undefined] = [0, undefined]
let isScheduled = false
let shown = 0

/** @param where the conversation in sight; undefined if there is none */
export const show = (unread: number, where: string | undefined): void => {
  wanted = [unread, where]
  if (isScheduled) return
  isScheduled = true
  setTimeout(apply, settleMillis)
}

const apply = () => {
  isScheduled = false
  const [unread, where] = wanted
  const title = `${unread > 0 ? `(${unread}) ` : ""}${where === undefined ? "" : `${where} – `}a-chat`
  if (document.title !== title) document.title = title
  const count = Math.min(unread, most + 1)
  if (count === shown) return
  shown = count
  if (icon !== null) icon.href = count === 0 ? plain : drawn(count)
  if (!("setAppBadge" in navigator)) return
  const done = unread === 0 ? navigator.clearAppBadge() : navigator.setAppBadge(unread)
  done.catch(() => undefined)
}

const drawn = (count: number): string => {
  const canvas = document.createElement("canvas")
  canvas.width = size
  canvas.height = size
  const context = canvas.getContext("2d")
  if (context === null) return plain
  context.fillStyle = "#0f766e"
  context.beginPath()
  context.roundRect(0, 0, size, size, size / 4)
  context.fill()
  context.fillStyle = "#fff"
  context.font = `600 ${count > 9 ? 34 : 44}px system-ui, sans-serif`
  context.textAlign = "center"
  context.textBaseline = "middle"
  context.fillText(count > most ? `${most}+` : String(count), size / 2, size / 2 + 3)
  return canvas.toDataURL("image/png")
}
