// The teacher's value below a student's, in a cell of a table.

import { h } from "../../../ui/elements.js"

/** A line with the teacher's value, whose limits are its title; nothing if there is none. */
export const ofTeacher = (value, limits) =>
  value && h("span", { class: "of-teacher", title: limits || null }, `teacher ${value}`)
