"""The command line: ``inficond COMMAND``."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence

import inficond_panel
from inficond_panel.commands.history_parser import add_history_actions
from inficond_panel.errors import FileProblemsError, InficondError

_SPEC = "spec file (YAML), or the name of one that comes along, such as demo"
_HISTORY = "file of the iterations (default: $INFICOND_HISTORY, else as the spec says)"
_STORE = "folder of the store (default: $INFICOND_STORE, else as the spec says)"
#: As in distill.METRICS, which would load numpy.
_METRICS = ("ap", "ap11", "accuracy", "precision", "recall", "f1", "fidelity", "brier", "ece")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    0: done. 1: it could not be done. 2: a spec, an edits file or the command line is wrong.
    130: interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = make_parser(arguments[:1]).parse_args(arguments)
    try:
        module = importlib.import_module(f"inficond_panel.commands.{args.module}")
        getattr(module, args.command)(args)
    except InficondError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, FileProblemsError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    except OSError as error:
        if error.errno != errno.EPIPE:  # else the reader has gone, as in `inficond ... | head`
            sys.stderr.write(f"{error}\nMake room, or the file or folder readable and writable.\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is written
        return 1
    return 0


def make_parser(chosen: Sequence[str] = ("serve",)) -> argparse.ArgumentParser:
    """The parser of all commands.

    The flags of ``panel serve`` are there only where ``chosen`` has a command that serves,
    since reading them loads Panel.
    """
    parser = argparse.ArgumentParser(
        prog="inficond",
        description="Fine-tune concept-based student models without code.",
        epilog="Try: inficond demo",
    )
    parser.add_argument("--version", action="version", version=inficond_panel.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_study_commands(commands)
    _add_student_commands(commands)
    _add_explain_command(commands)
    _add_history_command(commands)
    _add_export_command(commands)
    _add_measuring_commands(commands)
    _add_suggest_command(commands)
    _add_concept_command(commands)
    _add_serving_commands(commands, chosen)
    return parser


def _add_study_commands(commands: argparse._SubParsersAction) -> None:
    check = _add(
        commands,
        "check",
        "study",
        "Read a spec and report all its problems.",
        "Exits with 2 where there are problems. Starts nothing, reads no image.",
        "inficond check specs/coco18.yaml",
    )
    check.add_argument("spec", help=_SPEC)
    init = _add(
        commands,
        "init",
        "init",
        "Look at a folder of images with labels and write a spec for it.",
        "Knows the layouts of PASCAL VOC and COCO, folders of classes, tables (CSV, Parquet), and "
        "a store. Says what it found and what it assumed; never overwrites a file. Needs the extra "
        "'precompute'.",
        "inficond init photos --teacher logits.csv --encoder models/clip",
    )
    init.add_argument("folder", metavar="FOLDER", help="folder of the data set")
    init.add_argument(
        "--teacher",
        metavar="FILE",
        help="its logits (.csv, .parquet, .npz) or itself (.onnx, .torchscript); default: a table "
        "of logits in the folder, else heads fitted on the labels",
    )
    init.add_argument(
        "--encoder",
        metavar="DIR",
        help="folder of an open_clip model; default: a folder called encoder beside the spec or "
        "the photos, else one that is downloaded",
    )
    init.add_argument(
        "--corpus", metavar="FILE", help="words, one a line (default: 584 that come along)"
    )
    init.add_argument("--title", help="name shown on the page (default: the folder's)")
    init.add_argument(
        "--output", metavar="SPEC", help="file to write (default: FOLDER's name.yaml, here)"
    )
    precompute = _add(
        commands,
        "precompute",
        "study",
        "Make the store of a spec from its images.",
        "Needs the extra 'precompute' (torch, open_clip). A run that was stopped goes on where it "
        "was. Only what depends on something that changed is computed again: other words encode no "
        "image, and one photo that was added encodes its batch. Only one run at a time can write a "
        "store.",
        "inficond precompute specs/coco18.yaml --plan",
    )
    precompute.add_argument("spec", help=_SPEC)
    precompute.add_argument("--store", metavar="DIR", help="where to write, instead of the spec's")
    precompute.add_argument(
        "--plan", action="store_true", help="only say what would be computed, and why"
    )
    precompute.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="encode with the workers of this Dask scheduler (tcp://HOST:PORT); they need the same "
        "packages, and read the photos and the encoder by the same paths; needs the extra 'scale'",
    )
    _add_json(precompute)
    info = _add(
        commands,
        "info",
        "info",
        "Say what a store holds and how it was made: stages, arrays and their sizes, positives.",
        "Reads all of the store and compares it with its hashes. Given a spec whose store is not "
        "made yet, it says what the spec's files hold.",
        "inficond info demo --json",
    )
    info.add_argument("spec", metavar="SPEC|STORE", help=f"{_SPEC}; or the folder of a store")
    info.add_argument("--store", metavar="DIR", help=_STORE)
    _add_json(info)


def _add_student_commands(commands: argparse._SubParsersAction) -> None:
    distill = _add(
        commands,
        "distill",
        "students",
        "Distill the students of a spec and print their metrics.",
        "The students become the first node of the history. A node that is there already is not "
        "computed again.",
        "inficond distill demo",
    )
    tune = _add(
        commands,
        "tune",
        "students",
        "Carry out the iterations of an edits file.",
        "Each iteration refits the students it names; earlier bounds stay enforced. Every "
        "iteration is on disk before the next begins, and an iteration that is in the history "
        "already is not computed again. What the page shows does not change. An edits file is a "
        "list of iterations, each a list of {class, concept (or concepts: [...], a group), "
        "direction: up|down|remove, factor (optional)}.",
        "inficond tune demo --edits edits.yaml --json",
    )
    _add_tuner(distill)
    _add_tuner(tune)
    tune.add_argument("--edits", metavar="FILE", required=True, help="edits file (YAML)")
    _add_split(tune)


def _add_explain_command(commands: argparse._SubParsersAction) -> None:
    explain = _add(
        commands,
        "explain",
        "explain",
        "Tell what a refit did: bounds and their prices, who took over, what changed sides.",
        "Per tuned student, against the iteration before: which bounds bind and what each costs; "
        "which concepts took over; which are collinear with the tuned ones; how far the fit to "
        "the teacher had to give; which images changed sides (with ids in --json).",
        "inficond explain demo --node 1",
    )
    _add_node(explain, "the iteration on the page, or the latest if that is #0")
    explain.add_argument(
        "--collinear",
        type=_correlation,
        default=0.8,
        metavar="R",
        help="correlation from which concepts count as collinear, above 0 to 1 (default: 0.8)",
    )
    _add_tuner(explain)
    _add_split(explain)


def _add_history_command(commands: argparse._SubParsersAction) -> None:
    history = _add(
        commands,
        "history",
        "history",
        "Look at the tree of iterations, move in it, name, note, hide and compare.",
        "Without an action it draws the tree. Nothing is ever erased, and all that is done is kept "
        "with its time. An iteration is named by number, id, first digits of its id, or name.",
        "inficond history demo compare 0 2",
    )
    _add_tuner(history)
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_places(options)
    add_history_actions(history, options)


def _add_export_command(commands: argparse._SubParsersAction) -> None:
    export = _add(
        commands,
        "export",
        "export",
        "Write the students of an iteration to a folder that stands alone.",
        "Beside the students: a model card (Markdown and JSON) and the edits file that replays "
        "them. The folder is written whole or not at all.",
        "inficond export demo --format npz --format onnx --output bicycle-students",
    )
    _add_tuner(export)
    _add_node(export)
    export.add_argument(
        "--format",
        action="append",
        required=True,
        choices=["npz", "onnx", "sklearn", "all"],
        help="may be given several times; onnx needs the extra 'onnx'; sklearn is JSON",
    )
    export.add_argument("--output", metavar="FOLDER", help="default: SPEC-ID in this folder")
    export.add_argument(
        "--holdout",
        action="store_true",
        help="put metrics on the holdout into the card; the look is counted",
    )
    export.add_argument("--force", action="store_true", help="replace an export that is there")


def _add_measuring_commands(commands: argparse._SubParsersAction) -> None:
    metrics = _add(
        commands,
        "metrics",
        "metrics",
        "Measure the students of an iteration: all metrics, their noise, and by slice.",
        "Every metric with its bootstrap interval, and the change since the parent iteration and "
        "since the start. With --by or --selection also on slices of the images: the worst one is "
        "named, and whether it is more than bad luck. See docs/metrics.md.",
        "inficond metrics demo --metric f1",
    )
    stability = _add(
        commands,
        "stability",
        "stability",
        "Tell whether the influences of a student hold.",
        "Refits the student on bootstrap samples of the images, and puts random counterparts in "
        "the place of its concepts. Takes some seconds a concept. See docs/metrics.md.",
        "inficond stability demo --class bicycle --top 3",
    )
    for command in (metrics, stability):
        _add_tuner(command)
        _add_node(command)
        command.add_argument("--seed", type=_whole, default=0, metavar="N", help="default: 0")
    _add_split(metrics)
    _add_metrics_flags(metrics)
    stability.add_argument("--class", dest="class_name", metavar="NAME", required=True)
    which = stability.add_mutually_exclusive_group()
    which.add_argument(
        "--concept", dest="concepts", action="append", metavar="NAME", help="may be repeated"
    )
    which.add_argument(
        "--top", type=_positive, default=5, metavar="N", help="most influential (default: 5)"
    )
    stability.add_argument(
        "--draws", type=_positive, default=100, metavar="N", help="bootstrap refits (default: 100)"
    )
    stability.add_argument(
        "--counterparts",
        type=_whole,
        default=199,
        metavar="N",
        help="random counterparts of each concept (default: 199; 0: none)",
    )


def _add_metrics_flags(metrics: argparse.ArgumentParser) -> None:
    metrics.add_argument(
        "--class", dest="classes", action="append", metavar="NAME", help="may be repeated"
    )
    metrics.add_argument(
        "--metric",
        choices=_METRICS,
        default="ap",
        help="the one whose noise and slices are printed (default: ap); --json has all",
    )
    slices = metrics.add_mutually_exclusive_group()
    slices.add_argument(
        "--by",
        action="append",
        metavar="COLUMN",
        help="metadata column of the data set; given twice: the combinations of two",
    )
    slices.add_argument("--selection", metavar="FILE", help="image ids, one a line")
    metrics.add_argument(
        "--min-images",
        type=_positive,
        default=30,
        metavar="N",
        help="smaller slices are shown, but not tested (default: 30)",
    )
    metrics.add_argument(
        "--draws", type=_positive, default=200, metavar="N", help="bootstrap draws (default: 200)"
    )


def _add_suggest_command(commands: argparse._SubParsersAction) -> None:
    suggest = _add(
        commands,
        "suggest",
        "suggest",
        "Let a strategy give the thumbs, as a baseline to hold people against.",
        "random: by chance. greedy: what gains most AP on the split tune. crossfit: what gains on "
        "photos that did not choose it, or nothing. The refit is recorded as the machine's, with "
        "the author machine:STRATEGY; what the page shows does not change.",
        "inficond suggest demo --strategy crossfit --budget 5",
    )
    _add_tuner(suggest)
    suggest.add_argument(
        "--strategy",
        choices=["random", "greedy", "crossfit"],
        default="crossfit",
        help="(default: crossfit)",
    )
    suggest.add_argument(
        "--classes", nargs="+", metavar="CLASS", help="classes to tune (default: all)"
    )
    suggest.add_argument(
        "--budget", type=int, default=5, metavar="N", help="most thumbs a class (default: 5)"
    )
    suggest.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    suggest.add_argument(
        "--parent", metavar="ID", help="iteration to tune from: number, id or name (default: #0)"
    )
    suggest.add_argument(
        "--dry-run", action="store_true", help="only say what it would do; nothing is recorded"
    )


def _add_concept_command(commands: argparse._SubParsersAction) -> None:
    concept = _add(
        commands,
        "concept",
        "concept",
        "Add a concept by typing it: it is scored from the store's segments, no photo is read.",
        "Needs the extra 'precompute' to add, and the encoder that the store was made with. Typed "
        "concepts are kept beside the history; each set of concepts has students and iterations of "
        "its own, which are there again when a concept is removed or typed again. See "
        "docs/concepts.md.",
        "inficond concept demo add 'red bus, scarlet bus'",
    )
    _add_tuner(concept)
    concept.add_argument("action", choices=["list", "add", "remove"])
    concept.add_argument(
        "text", nargs="?", default="", help="name, or name, synonym, synonym; of add and remove"
    )


def _add_serving_commands(commands: argparse._SubParsersAction, chosen: Sequence[str]) -> None:
    serve = _add(
        commands,
        "serve",
        "serving",
        "Serve the page for one or more specs.",
        "Takes the flags of panel serve.",
        "inficond serve specs/coco18.yaml --port 5007 --show",
    )
    serve.add_argument("specs", nargs="+", metavar="SPEC", help=_SPEC)
    demo = _add(
        commands,
        "demo",
        "serving",
        "Serve the embedded demo.",
        "Prints the address when the page answers. The history is demo.history.sqlite in the "
        "current folder. Takes the flags of panel serve.",
        "inficond demo --port 5007",
    )
    for command in (serve, demo):
        command.add_argument("--history", metavar="FILE", help=_HISTORY)
    if chosen[:1] and chosen[0] in {"serve", "demo"}:
        from inficond_panel.commands.serving import add_arguments

        add_arguments(serve if chosen[0] == "serve" else demo)


def _add(
    commands: argparse._SubParsersAction,
    name: str,
    module: str,
    summary: str,
    description: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command whose function ``name`` is in ``commands/<module>.py``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary} {description}", epilog=f"Example: {example}"
    )
    parser.set_defaults(module=module)
    return parser


def _add_tuner(parser: argparse.ArgumentParser) -> None:
    """What every command on students takes."""
    parser.add_argument("spec", help=_SPEC)
    _add_places(parser)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="DIR", help=_STORE)
    parser.add_argument("--history", metavar="FILE", help=_HISTORY)
    _add_json(parser)


def _add_node(parser: argparse.ArgumentParser, default: str = "the iteration on the page") -> None:
    parser.add_argument("--node", metavar="ID", help=f"number, id or name (default: {default})")


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        choices=["tune", "holdout"],
        default="tune",
        help="images to measure on (default: tune); a look at the holdout is counted",
    )


def _correlation(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1, got {text!r}")


def _whole(text: str) -> int:
    with contextlib.suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")


def _positive(text: str) -> int:
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )


if __name__ == "__main__":
    sys.exit(main())
