export const leaving = []
