"""Subsets of flops, chosen by benchmarks/flops.py; errors are of mean equities of the 169 kinds of hands."""

from typing import NamedTuple


class Chosen(NamedTuple):
    """A subset: flops with millionths of the whole, and how far mean equities are from those of all."""

    largest: float
    typical: float  # root mean square
    flops: str


SUBSETS = {
    25: Chosen(
        0.026477,
        0.008731,
        """
        Ah9d5c:63000 Ah6d4c:26546 Ah3d3c:19378 Ad9c2c:22826 AcKdQc:67836 AcQcTc:51910 KhKd4c:9385
        KhQdTc:22675 Kh8d7c:52168 Kh7d5c:9168 Kd6c5c:12694 Kc4d3c:73474 Qh9d2c:6889 Qh6d5c:31556
        QdQcJc:15425 Qd7c2c:73131 Jd9c8c:81736 Jc6d3c:91381 Th9d9c:6076 Th9d4c:44049 TdTc2c:57355
        8h8d7c:52050 8c6d5c:39205 7c5d5c:14579 5h4d2c:55509
        """,
    ),
    49: Chosen(
        0.012262,
        0.004770,
        """
        AhKdQc:8251 AhTd4c:27281 Ah7d3c:30351 Ah6d5c:2660 Ah4d4c:9787 AdAc5c:14298 AdJc9c:30987
        AcQcTc:50890 AcTd9c:14596 Ac7d7c:4903 Ac7d4c:30051 Ac3d3c:22058 Ac2d2c:2280 KhQdJc:21593
        KhQd6c:5020 Kh8d2c:14016 Kh7d7c:3963 Kh7d2c:38421 Kh5d4c:22569 KdQd9c:7491 KdQd6c:8143
        KdTd8c:26999 Kd8d6c:38032 KcQdQc:22350 QhQd2c:56331 Qh9d8c:6514 QdJcTc:18240 Qd8d3c:52805
        Jh9d7c:28649 Jh4d3c:38136 Jd9c8c:16930 Jd6d5c:66957 Th9d2c:3909 Th7d6c:29313 Th5d2c:19672
        TdTc4c:13545 Tc6d4c:24788 9h9d6c:5429 9h6d5c:5537 9d6c3c:21325 9d5c2c:44681 9c8d8c:5562
        9c8d2c:12968 8d7c4c:31585 7h6d4c:5965 6d6c4c:2769 5h5d3c:7856 5h4d2c:7491 5c4d2c:16052
        """,
    ),
    95: Chosen(
        0.008372,
        0.002373,
        """
        AhAd9c:11591 AhKdKc:3801 AhKdQc:5917 AhQdQc:3011 AhQd7c:1954 AhQd4c:10403 AhJdJc:9387
        AhTdTc:2459 Ah9d8c:8541 Ah9d4c:3534 Ah8d8c:2008 Ah8d5c:2606 Ah7d7c:2008 Ah6d6c:7507
        Ah6d3c:12706 Ah4d4c:2171 Ah3d3c:2008 Ah2d2c:2171 AdJc7c:2117 AdJc2c:2606 Ad9c8c:19805
        Ad7c4c:4566 Ad5d4c:4190 Ad3c2c:4434 AcKdKc:7195 AcKdQc:8794 AcKd3c:21062 AcQcTc:19416
        AcTd7c:20246 Ac9c8c:21881 Ac8d8c:5147 Ac7d7c:6117 Ac5d5c:5552 Ac5d3c:814 Ac3d3c:4067
        KhQd7c:9384 KhJd2c:6150 KhTd2c:22635 Kh8d6c:34432 KdJd5c:15752 KdJd2c:13043 KdJc8c:14815
        Kd6c2c:27933 Kc7d5c:14607 QhJd2c:7121 Qh9d4c:14688 Qh8d5c:8983 Qh7d4c:19193 Qh6d5c:14327
        QdQcJc:19503 QdJd8c:6839 QdJd7c:3908 QdTc3c:40061 Qd5c4c:21964 Qc9d5c:13360 Jh9d7c:18147
        Jh8d4c:18732 Jh7d4c:2280 Jh5d2c:7191 Jd6c5c:21108 Jd5d2c:7479 Jc8d4c:16410 Jc7d3c:13280
        Th6d5c:2606 Th6d2c:9584 Th5d3c:7947 TdTc3c:16689 Td9c7c:20710 Td6d5c:19349 Tc7d4c:27152
        9h9d7c:977 9h9d6c:7432 9h8d2c:5453 9h7d4c:2665 9h5d3c:1628 9h3d2c:16593 9d9c2c:16888
        9d7c4c:12152 9d7c3c:8093 9c5d2c:8625 8h7d6c:4234 8h5d2c:1954 8h4d3c:16810 8h2d2c:8540
        8c6d5c:15485 7h3d2c:18705 7d5c3c:9967 6d6c2c:2117 6d4c2c:12421 6c5c2c:10011 5h5d3c:9624
        5h4d3c:326 5h4d2c:5862 5d3d2c:1466 4d4c2c:12817
        """,
    ),
    184: Chosen(
        0.003348,
        0.001031,
        """
        AhAdKc:1357 AhKdJc:14542 AhKd5c:1955 AhQdQc:1683 AhQd7c:4768 AhQd5c:652 AhQd4c:326
        AhQd3c:1733 AhJdJc:2426 AhJd2c:4272 AhTdTc:4573 AhTd8c:1629 AhTd2c:7418 Ah9d8c:2280
        Ah9d2c:5367 Ah8d8c:2404 Ah8d4c:4065 Ah8d3c:977 Ah6d5c:1629 Ah6d2c:6719 Ah5d5c:1032
        Ah5d3c:1955 Ah3d3c:1520 Ah2d2c:6336 AdKcTc:6068 AdQc7c:9098 AdJd2c:1303 AdTd5c:977
        AdTc6c:9526 AdTc4c:3918 AdTc2c:2144 Ad9c8c:8131 Ad9c3c:11122 Ad6d4c:1955 AcKdKc:4879
        AcKd6c:5489 AcQdQc:2707 AcQd4c:4324 AcQcTc:8157 AcJdJc:3223 AcJd4c:652 AcJd3c:3419
        AcTdTc:1929 Ac9d9c:1466 Ac8d8c:5953 Ac8d6c:10072 Ac7d7c:3464 Ac7d4c:1629 Ac7d2c:3851
        Ac6d6c:1792 Ac6c5c:6890 Ac5d5c:1846 Ac5d4c:2869 Ac4d4c:2990 Ac4d3c:1792 Ac3d3c:4061
        Ac2d2c:4751 KhKd5c:8659 KhQd4c:8605 KhJd3c:3786 Kh9d7c:9214 Kh9d5c:3686 Kh8d2c:8861
        Kh7d5c:4691 Kh6d4c:4293 Kh5d2c:3201 KdKc6c:7173 KdQc7c:4761 KdQc5c:7812 KdJc4c:9167
        KdTc7c:10269 Kd9c8c:5121 Kd7c2c:6024 Kd6c4c:7536 Kd5c2c:9977 KcQdJc:6481 KcQd2c:3194
        KcTd3c:6672 KcTc3c:4641 Kc9d3c:10145 Kc9c7c:7040 Kc8d5c:5055 Kc8d3c:11444 QhQd2c:5359
        QhJd3c:6098 QhTd5c:8375 Qh9d9c:4772 Qh9d8c:5835 Qh9d3c:3972 Qh8d5c:7038 Qh7d4c:6018
        Qh6d4c:1303 Qh4d4c:3395 Qh4d3c:6446 QdJc9c:3679 QdJc6c:4824 QdTc7c:8459 QdTc3c:7428
        Qd9c8c:10649 Qd6c2c:14861 Qd4c2c:2707 QcJd4c:1793 QcJc4c:5032 Qc8d7c:9628 Qc8d2c:6299
        Qc8c2c:6058 Qc6d4c:3131 Qc5d4c:5635 Qc5d2c:3565 JhTd6c:6869 JhTd4c:11536 Jh9d6c:1928
        Jh9d3c:10959 Jh8d7c:12915 Jh8d3c:1042 Jh6d5c:3329 Jh6d4c:977 Jh5d3c:5549 Jh4d3c:5083
        JdTd6c:10100 Jd9d6c:8074 Jd9c5c:11989 Jd9c4c:4840 Jd8c3c:3996 Jd7c4c:10047 Jd6d5c:7211
        Jd4d3c:5215 JcTd8c:3258 Jc7d7c:8191 Jc5d2c:9269 Th9d2c:11857 Th8d7c:5666 Th8d4c:6976
        Th8d2c:946 Th5d3c:6077 TdTc5c:7702 Td9c3c:9018 Td8c2c:5223 Td6d5c:7847 Td5d2c:4207
        Tc8d6c:3095 Tc8c5c:7112 Tc7d4c:8089 Tc3d2c:5218 9h9d5c:1028 9h9d3c:489 9h8d3c:652
        9h7d5c:2692 9h6d4c:9207 9h5d2c:5668 9d9c5c:6287 9d7d6c:3746 9d6d4c:4115 9d6c3c:10153
        9c8d2c:6782 9c7d2c:1711 9c6d2c:9634 9c5d4c:2443 9c4c2c:2343 8h7d7c:2616 8h7d3c:3338
        8h6d5c:2280 8h5d4c:12984 8d7c3c:8026 8d6d4c:3969 8d4c3c:10395 8c6c4c:4436 7h7d2c:6012
        7h6d6c:14081 7h5d4c:3643 7h5d2c:11005 7d6d4c:2117 7d5d2c:9956 7d5c3c:10891 6h6d4c:1357
        6h5d5c:2721 6h3d3c:4447 6d4c2c:3034 6c5d5c:1744 5h4d2c:2932 5d3d2c:1466 5c4d4c:652
        4h4d3c:13330 3h3d2c:10278
        """,
    ),
}
