"""What a template is given, what it yields, and what is said of one that yields nothing good."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.model import ConfigRef
from pyload.config.parse import parse_config
from pyload.errors import ConfigError, TemplateError, UsageError
from pyload.mesh.template_instance import MAX_RAND, Templates
from tests.mesh.test_planner import make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.mesh.template_instance import TemplateInstance

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Name }}\n"


def made(
    text: str,
    config: Mapping[str, Any] | None = None,
    *,
    refresh: bool | None = None,
    seed: int = 1,
) -> TemplateInstance:
    """Use a template in an application `web-a` of the namespace `mesh`."""
    ref = ConfigRef("mine", config or {}, refresh)
    templates = Templates({"mine": text})
    return templates.for_app(ref, app="web-a", namespace="mesh", rng=Random(seed))


def rendered(text: str, config: Mapping[str, Any] | None = None) -> str:
    """Render a template of an application."""
    return made(text, config).text()


def fault(text: str) -> str:
    """Return the error about objects that cannot be used."""
    with pytest.raises(ConfigError) as caught:
        made(text).objects()
    (problem,) = caught.value.problems
    return str(problem)


def test_an_application_gives_its_name_and_namespace() -> None:
    """Templates of pilot-load would render `<no value>`."""
    assert rendered("{{ .Name }} {{ .Namespace }}") == "web-a mesh"


def test_a_config_may_say_otherwise() -> None:
    """Objects that are meant for another namespace would stay in the application's."""
    text = OBJECT + "data: {in: {{ .Namespace }}}\n"
    [obj] = made(text, {"Name": "x", "Namespace": "edge"}).objects()

    assert obj["metadata"] == {"name": "x", "namespace": "edge"}
    assert obj["data"] == {"in": "edge"}


def test_a_namespace_gives_itself_and_no_name() -> None:
    """An object for all of a namespace would be put elsewhere, or take an application's name."""
    templates = Templates({"mine": "{{ .Name }} {{ .Namespace }}"})

    def text(config: Mapping[str, Any]) -> str:
        ref = ConfigRef("mine", config)
        return templates.for_namespace(ref, namespace="mesh", rng=Random(1)).text()

    assert text({}) == "<no value> mesh"
    assert text({"Name": "x", "Namespace": "edge"}) == "x mesh"


def test_numbers_are_gos() -> None:
    """A template written for pilot-load would render another number, or fail where it worked."""
    values = {"n": 5, "big": 1_000_000, "list": [1, {"a": 2}], "yes": True, "half": 0.5}
    text = '{{.n}} {{.big}} {{int .big}} {{.list}} {{.yes}} {{.half}} {{printf "%T" .n}}'

    assert rendered(text, values) == "5 1e+06 1000000 [1 map[a:2]] true 0.5 float64"
    assert rendered('{{ printf "%T" .RandNumber }}') == "int"


@pytest.mark.parametrize(
    ("config", "first"), [({}, False), ({"Rand": True}, False), ({"Rand": False}, True)]
)
def test_rand_goes_to_and_fro(config: Mapping[str, Any], first: bool) -> None:  # noqa: FBT001
    """Churn that changes nothing would measure an idle control plane."""
    rng = Random(2)
    one = made("{{ .Rand }}", config)
    two = one.refreshed(rng)

    assert [one.text(), two.text(), two.refreshed(rng).text()] == [
        str(value).lower() for value in (first, not first, first)
    ]


@given(st.integers())
def test_rand_number_is_drawn_anew_in_its_range(seed: int) -> None:
    """Paths and limits that count on four digits would be out of range, or never change."""
    rng = Random(seed)
    one = made("{{ .RandNumber }}", {"RandNumber": "mine"}, seed=seed)
    numbers = [int(one.text())]
    for _ in range(10):
        one = one.refreshed(rng)
        numbers.append(int(one.text()))

    assert all(1 <= number <= MAX_RAND for number in numbers)
    assert len(set(numbers)) > 1


@pytest.mark.parametrize(
    ("text", "refresh", "expected"),
    [
        ("a: b", None, False),
        ("#refresh=true", None, True),
        ("a: b #refresh=true", None, True),
        ("#refresh=true\n#refresh=false", None, False),
        ("{{ if .Rand }}{{ else }}#refresh=true{{ end }}", None, True),
        ("{{/* #refresh=true */}}", None, False),
        ("#refresh=true {{ fail `x` }}", None, False),
        ("#refresh=true", False, False),
        ("#refresh=false", True, True),
        ("{{ fail `x` }}", True, True),
    ],
)
def test_what_says_whether_an_object_changes(
    text: str,
    refresh: bool | None,  # noqa: FBT001 - as a config has it
    expected: bool,  # noqa: FBT001
) -> None:
    """Objects would change that should not, or stay that should change."""
    assert made(text, refresh=refresh).refreshes is expected


def test_the_namespace_of_the_template_does_not_count() -> None:
    """An object would escape into a namespace that the run does not clean up."""
    text = OBJECT + "  namespace: kube-system\n"

    assert [one["metadata"]["namespace"] for one in made(text).objects()] == ["mesh"]


def test_objects_carry_the_run_beside_their_own_labels() -> None:
    """Objects that a killed run left could not be found."""
    text = OBJECT + "  labels: {team: a, pyload.dev/run: mine}\n"
    [obj] = made(text).objects("run-7")
    [plain] = made(OBJECT).objects("run-7")

    assert obj["metadata"]["labels"] == {"team": "a", "pyload.dev/run": "run-7"}
    assert plain["metadata"]["labels"] == {"pyload.dev/run": "run-7"}
    assert "labels" not in made(OBJECT).objects()[0]["metadata"]


def test_several_documents_are_objects_in_their_order() -> None:
    """Objects that need each other would come in the wrong order, or some not at all."""
    one = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}}\n"
    text = "\n".join(
        [
            "---",
            one % "a",
            "---\n# only a comment\n\n  # and another",
            "--- # b",
            one % "b" + "---",
            "   ",
            "---\r",
            one % "c" + "...",
        ]
    )
    names = [obj["metadata"]["name"] for obj in made(text).objects()]

    assert names == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing", "---\n---\n", "{{ if .Rand }}a{{ end }}"]
)
def test_a_template_may_yield_nothing(text: str) -> None:
    """An object that is there half of the time only could not be written."""
    assert made(text).objects() == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just text", "1:1: this is not a Kubernetes object"),
        ("kind: ConfigMap", "1:1: the object has no apiVersion, or one that cannot be"),
        ("apiVersion: a/b/c\nkind: A", "1:1: the object has no apiVersion, or one that cannot be"),
        ("apiVersion: v1\nkind: a/b", "1:1: the object has no kind, or one that cannot be"),
        ("apiVersion: v1\nkind: ConfigMap", "1:1: the object has no metadata.name"),
        (OBJECT.replace(".Name", ".Nme"), "1:1: metadata.name cannot be '<no value>'"),
        (OBJECT.replace("{{ .Name }}", "5"), "1:1: metadata.name cannot be 5"),
        (OBJECT.replace("{{ .Name }}", "../x"), "1:1: metadata.name cannot be '../x'"),
        (OBJECT + "  labels: [a]", "1:1: metadata.labels takes a mapping"),
        (OBJECT + "---\n\nkind: A", "5:1: the object has no apiVersion, or one that cannot be"),
        (OBJECT + "---\nkind: A\nkind: B\n", "7:1: "),
        (OBJECT + "data: [\n", "6:1: "),
    ],
)
def test_what_is_no_object_is_told_with_its_place(text: str, expected: str) -> None:
    """The API server's answer would not say which line of which template was meant."""
    assert fault(text).startswith(f"template mine for web-a:{expected}")


def test_a_template_that_fails_says_where() -> None:
    """Nobody would find the action among hundreds of lines."""
    with pytest.raises(TemplateError, match=r"template: mine:2:5: .*fail") as caught:
        rendered('a\n  {{ fail "no" }}')

    assert (caught.value.stage, caught.value.line) == ("execute", 2)


def test_a_template_cannot_change_what_it_is_given() -> None:
    """Each rendering, of which there are several, would give another object."""
    one = made('{{ $_ := set . "n" (add1 .n) }}{{ .n }}', {"n": 1})

    assert [one.text(), one.text()] == ["2", "2"]


def test_applications_do_not_share_their_values() -> None:
    """What the template of one application puts into a list would be in that of the next."""
    templates = Templates({"mine": '{{ $_ := set .m "k" .Name }}{{ .m }}'})
    ref = ConfigRef("mine", {"m": {}})
    one, two = (
        templates.for_app(ref, app=app, namespace="mesh", rng=Random(1)) for app in ("a", "b")
    )

    assert (one.text(), two.text()) == ("map[k:a]", "map[k:b]")
    assert ref.config == {"m": {}}


def test_the_users_template_comes_before_a_builtin() -> None:
    """Somebody who replaces a builtin would go on using ours."""
    templates = Templates({"sidecar": OBJECT})
    ours = Templates({})
    ref = ConfigRef("sidecar", {"Name": "x"})

    def kind(of: Templates) -> object:
        return of.for_namespace(ref, namespace="mesh", rng=Random(1)).objects()[0]["kind"]

    assert (kind(templates), kind(ours)) == ("ConfigMap", "Sidecar")


def test_templates_may_include_each_other_in_any_order() -> None:
    """A shared block could be used only after the template that defines it."""
    templates = Templates({"a": '{{ template "b" . }}{{ template "z" . }}', "b": "B", "z": "Z"})
    made_of = templates.for_app(ConfigRef("a"), app="x", namespace="n", rng=Random(1))

    assert made_of.text() == "BZ"
    missing = Templates({"a": '{{ template "sidecars" }}'})
    with pytest.raises(TemplateError, match='did you mean "sidecar"'):
        missing.for_app(ConfigRef("a"), app="x", namespace="n", rng=Random(1)).text()


def test_a_template_that_there_is_not_names_the_others() -> None:
    """For use as a library: the loader of configs says it with a position."""
    with pytest.raises(UsageError, match="unknown template name: nope; use one of httproute"):
        Templates({}).get("nope")


@pytest.mark.parametrize("config", [{"Rand": 1}, {"Rand": None}, {"Namespace": 5}])
def test_values_that_the_run_needs_are_checked(config: Mapping[str, Any]) -> None:
    """pilot-load crashes on them."""
    with pytest.raises(UsageError, match="for template mine is"):
        made("x", config)


def test_a_secret_swaps_its_pair_and_all_secrets_share_two() -> None:
    """A push per Secret would be measured with certificates that are new each time."""
    templates = Templates({})
    one, two = (
        templates.for_app(ConfigRef("tls-secret"), app=app, namespace="mesh", rng=Random(1))
        for app in ("a", "b")
    )
    rng = Random(1)

    def data(of: TemplateInstance) -> object:
        [obj] = of.objects()
        assert set(obj["stringData"]) == {"tls.crt", "tls.key"}
        assert obj["stringData"]["tls.crt"].startswith("-----BEGIN CERTIFICATE-----\n")
        return obj["stringData"]

    assert one.refreshes
    assert data(one) == data(two)
    assert data(one.refreshed(rng)) == data(two.refreshed(rng)) != data(one)
    assert data(one.refreshed(rng).refreshed(rng)) == data(one)


@pytest.mark.parametrize(
    ("name", "refreshes"),
    [
        ("httproute", True),
        ("istio-gateway", False),
        ("sidecar", False),
        ("tls-secret", True),
        ("virtualservice", True),
    ],
)
def test_builtins_change_as_pilot_loads_do(name: str, refreshes: bool) -> None:  # noqa: FBT001
    """Churn would change nothing, or what must stay."""
    ref = ConfigRef(name, {"gateways": ["infra/main", "own"]})
    one = Templates({}).for_app(ref, app="web-a", namespace="mesh", rng=Random(1))
    two = one.refreshed(Random(2))

    assert one.refreshes is refreshes
    assert (one.objects() != two.objects()) is refreshes
    assert one.objects()[0]["metadata"] == two.objects()[0]["metadata"]


def test_lists_reach_the_object_as_lists() -> None:
    """Two gateways of a VirtualService would be one, named `a b`."""
    ref = ConfigRef("virtualservice", {"gateways": ["a", "b"]})
    templates = Templates({})
    [both] = templates.for_app(ref, app="web-a", namespace="mesh", rng=Random(1)).objects()
    [none] = templates.for_app(
        ConfigRef("virtualservice"), app="web-a", namespace="mesh", rng=Random(1)
    ).objects()

    assert both["spec"]["gateways"] == ["a", "b"]
    assert "gateways" not in none["spec"]


def test_each_replica_is_rendered_by_itself() -> None:
    """All applications of an entry would write one object."""
    plan = make_plan(
        parse_config(
            b"stableNames: true\nnamespaces:\n- name: mesh\n  replicas: 2\n  configs: [sidecar]\n"
            b"  applications: [{name: web, replicas: 2, configs: [virtualservice]}]\n",
            source="f",
        ).config
    )

    assert [
        (obj["metadata"]["namespace"], obj["metadata"]["name"])
        for one in plan.all_templates
        for obj in one.objects()
    ] == [
        ("mesh-0-0", "restrict-visibility"),
        ("mesh-0-0", "web-0-0"),
        ("mesh-0-0", "web-0-1"),
        ("mesh-0-1", "restrict-visibility"),
        ("mesh-0-1", "web-0-0"),
        ("mesh-0-1", "web-0-1"),
    ]


@given(st.text(max_size=200) | st.text("a: -\n#{}[]'\"|>&*!\t1", max_size=120))
def test_any_text_is_objects_or_an_error(text: str) -> None:
    """A template that renders rubbish would end in a traceback."""
    one = made("{{ .text }}", {"text": text})
    try:
        objects = one.objects("run")
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - either this or objects
    else:
        assert all(obj["metadata"]["namespace"] == "mesh" for obj in objects)
