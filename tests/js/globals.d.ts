// What the browser's scripts find there: the vocabulary as data, see inficond_panel/ui/vocabulary.py,
// and Bokeh on a page without a server.

declare const $vocabulary: any
declare const $ort: any
interface Window { Bokeh?: any }
